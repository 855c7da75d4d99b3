using System.Net;
using System.Text;
using Exact.Tests.Support;
using Exact.Tests.Support.TestMigrations;
using Exact.Tests.Transfer;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Startup;

/// <summary>A service that is told to stop, before it is ready or while it works.</summary>
public sealed class StopTests
{
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
        Assert.Equal(
            "import succeeded",
            await database.ScalarAsync<string>(
                "SELECT concat_ws(' ', kind, state) FROM operations WHERE kind = 'import'"
            )
        );
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
