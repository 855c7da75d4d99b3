using System.Net;
using System.Text;
using System.Text.Json;
using Exact.Tests.Support;
using Exact.Tests.Support.TestMigrations;
using Exact.Tests.Transfer;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Startup;

/// <summary>A service that is told to stop, before it is ready or while it works.</summary>
public sealed class StopTests
{
    private const string Ended =
        "SELECT concat_ws(' ', kind, state, error) FROM operations WHERE kind IN ('import', 'export')";

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    public async Task A_service_that_waits_for_its_server_ends_quietly(string signal)
    {
        await using var replica = ExactProcess.Serve("Host=127.0.0.1;Port=1");
        await replica.WaitForLogAsync("Waiting for PostgreSQL");

        await replica.SignalAsync(signal);

        Assert.Equal(0, await replica.WaitForExitAsync());
        Assert.DoesNotContain("Exception", replica.Log);
    }

    [Fact]
    public async Task A_service_that_is_told_to_stop_is_not_ready_at_once_and_finishes_what_runs()
    {
        await using var database = new MigratedDatabase(MigratedTemplate.Current);
        await database.InitializeAsync();
        var settings = new Dictionary<string, string> { ["Requests__StopDelay"] = "00:00:05" };
        await using var replica = ExactProcess.Serve(database.ConnectionString, settings);
        await replica.WaitUntilReadyAsync();
        // More than what the client keeps back until it has enough to send.
        var file = Encoding.UTF8.GetBytes(Fixture([Challenge(), .. Enumerable.Range(1, 2000).Select(pk => Score(pk))]));
        var gate = new TaskCompletionSource();
        var body = new GatedStream(file, gate.Task, openAfter: file.Length / 2);
        var import = replica.Client.PostAsync("/api/admin/import", new StreamContent(body), CancellationToken);
        await body.Reading;
        await Wait.UntilAsync(
            () => database.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM operations WHERE state = 'running')"),
            "the import has begun"
        );

        await replica.SignalAsync("TERM");
        await replica.WaitUntilAsync("/health/ready", HttpStatusCode.ServiceUnavailable);
        var meanwhile = await replica.StatusOfAsync("/api/challenges");
        gate.SetResult();
        using var answer = await import;

        Assert.Equal(HttpStatusCode.OK, meanwhile);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(0, await replica.WaitForExitAsync());
        Assert.Equal("import succeeded", await database.ScalarAsync<string>(Ended));
    }

    /// <remarks>A direct import is cut off after thirty seconds, which the last case takes.</remarks>
    [Theory]
    [InlineData("receiving", true)]
    [InlineData("merging", true)]
    [InlineData("merging", false)]
    public async Task An_import_that_does_not_end_by_a_stop_is_rolled_back_and_says_so(string phase, bool respondAsync)
    {
        await using var database = new MigratedDatabase(MigratedTemplate.Current);
        await database.InitializeAsync();
        await database.ExecuteAsync(
            """
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            VALUES ('c1', 'old', '', '2026-01-01Z', 'ada');
            CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(600); RETURN NULL; END';
            CREATE TRIGGER hold BEFORE INSERT ON scores EXECUTE FUNCTION hold()
            """
        );
        await using var replica = ExactProcess.Serve(database.ConnectionString);
        await replica.WaitUntilReadyAsync();
        var file = Encoding.UTF8.GetBytes(Fixture([Challenge(), .. Enumerable.Range(1, 2000).Select(pk => Score(pk))]));
        using var left = new CancellationTokenSource();
        var never = new TaskCompletionSource();
        var stopsAt = phase is "receiving" ? file.Length / 2 : int.MaxValue;
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/admin/import")
        {
            Content = new StreamContent(new GatedStream(file, never.Task, stopsAt)),
        };
        if (respondAsync)
        {
            request.Headers.Add("Prefer", "respond-async");
        }

        using var client = new HttpClient { BaseAddress = replica.Client.BaseAddress, Timeout = Wait.Limit * 2 };
        client.DefaultRequestHeaders.Authorization = replica.Client.DefaultRequestHeaders.Authorization;
        var import = client.SendAsync(request, left.Token);
        await Wait.UntilAsync(
            () =>
                database.ScalarAsync<bool>(
                    $"SELECT EXISTS (SELECT FROM operations WHERE progress->>'phase' = '{phase}')"
                ),
            $"the import is {phase}"
        );

        await replica.SignalAsync("TERM");

        Assert.Equal(0, await replica.WaitForExitAsync());
        Assert.Equal("import cancelled The service was stopped.", await database.ScalarAsync<string>(Ended));
        Assert.Equal("old", await database.ScalarAsync<string>("SELECT string_agg(title, ' ') FROM challenges"));
        Assert.Equal(0, await database.ScalarAsync<long>("SELECT count(*) FROM scores"));
        await left.CancelAsync();
        await import.ContinueWith(_ => { }, CancellationToken, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    [Fact]
    public async Task An_export_that_runs_at_a_stop_is_finished()
    {
        const int Challenges = 4000;
        await using var database = new MigratedDatabase(MigratedTemplate.Current);
        await database.InitializeAsync();
        // More than what the sockets take from a service whose client does not read.
        await database.ExecuteAsync(
            $"""
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            SELECT n, 'c', repeat('x', 10000), '2026-01-01Z', 'ada' FROM generate_series(1, {Challenges}) n
            """
        );
        var settings = new Dictionary<string, string> { ["Requests__StopDelay"] = "00:00:05" };
        await using var replica = ExactProcess.Serve(database.ConnectionString, settings);
        await replica.WaitUntilReadyAsync();
        using var export = await replica.Client.GetAsync(
            new Uri("/api/admin/export?models=api.challenge", UriKind.Relative),
            HttpCompletionOption.ResponseHeadersRead,
            CancellationToken
        );

        await replica.SignalAsync("TERM");
        await replica.WaitUntilAsync("/health/ready", HttpStatusCode.ServiceUnavailable);
        var meanwhile = await database.ScalarAsync<string>("SELECT state FROM operations WHERE kind = 'export'");
        var exported = JsonElement.Parse(await export.Content.ReadAsByteArrayAsync(CancellationToken));

        Assert.Equal("running", meanwhile);
        Assert.Equal(Challenges, exported.GetArrayLength());
        Assert.Equal(0, await replica.WaitForExitAsync());
        Assert.Equal("export succeeded", await database.ScalarAsync<string>(Ended));
    }

    [Fact]
    public async Task A_service_that_migrates_ends_quietly_and_takes_the_migration_back()
    {
        await using var database = new MissingDatabase();
        await database.InitializeAsync();
        await using var replica = ExactProcess.Serve(database.ConnectionString, Scenario.Settings("slow", "60"));
        await replica.WaitForLogAsync("Slow (");

        await replica.SignalAsync("TERM");

        Assert.Equal(0, await replica.WaitForExitAsync());
        Assert.DoesNotContain("Exception", replica.Log);
        Assert.Equal(
            0,
            await database.ScalarAsync<long>(
                "SELECT count(*) FROM \"__EFMigrationsHistory\" WHERE migration_id LIKE '%Slow'"
            )
        );
    }
}
