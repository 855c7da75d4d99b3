using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Exact.Tests.Support;
using Exact.Tests.Transfer;
using Npgsql;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Transfers;

/// <summary>The service or the server is killed in the middle of an import: the old data or the new, and a journal that tells which.</summary>
public sealed class ImportCrashTests(MissingDatabase database) : IClassFixture<MissingDatabase>
{
    private const string Old = "old";
    private const string New = "new";

    /// <summary>Scores that are updated in their table.</summary>
    private const int Few = 10_000;

    private static readonly Uri Operations = new("/api/admin/operations?limit=20", UriKind.Relative);

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(Few)]
    public Task A_kill_leaves_the_old_data_or_the_new(int scores) =>
        CrashAsync(
            database.ConnectionString,
            Rounds(3),
            scores,
            async replica =>
            {
                replica.Kill();
                await replica.DisposeAsync();
                return await StartAsync(database.ConnectionString);
            }
        );

    [Theory]
    [InlineData(0)]
    [InlineData(Few)]
    public async Task A_kill_of_the_server_leaves_the_old_data_or_the_new(int scores)
    {
        await using var server = await OwnServer.StartNewAsync();
        await CrashAsync(
            server.ConnectionString,
            Rounds(2),
            scores,
            async replica =>
            {
                await server.SignalAsync("KILL");
                await server.StartAsync();
                return replica;
            }
        );
    }

    [Fact]
    public async Task A_crash_of_the_server_leaves_the_old_data_and_needs_no_repair()
    {
        await using var server = await OwnServer.StartNewAsync();
        await using var replica = ExactProcess.Serve(server.ConnectionString);
        await replica.WaitUntilReadyAsync();
        await ImportAsync(replica, Scores(1000, Old));
        var gate = new TaskCompletionSource();
        var fixture = Scores(2000, New);
        var body = new StreamContent(new GatedStream(fixture, gate.Task, fixture.Length / 2));
        var import = replica.Client.PostAsync("/api/admin/import", body, CancellationToken);
        await UntilAsync(() => IsReadingAsync(replica));

        await server.SignalAsync("QUIT");
        gate.SetResult();
        using var answer = await import;
        await server.StartAsync();
        var ended = await LastImportAsync(replica);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal("failed", ended.State);
        Assert.NotNull(ended.Error);
        Assert.Equal(Old, await ContentAsync(server.ConnectionString));
        await ImportAsync(replica, fixture);
    }

    /// <summary>bench/chaos.sh asks for more.</summary>
    private static int Rounds(int inSuite) =>
        Environment.GetEnvironmentVariable("EXACT_IMPORT_KILLS") is { } rounds
            ? int.Parse(rounds, CultureInfo.InvariantCulture)
            : inSuite;

    /// <param name="connectionString">The database.</param>
    /// <param name="rounds">How many imports are cut off.</param>
    /// <param name="scores">How many change. If none, they come into an empty table, without its indexes.</param>
    /// <param name="crashAsync">Kills what is to be killed, and returns the replica that is there afterwards.</param>
    private static async Task CrashAsync(
        string connectionString,
        int rounds,
        int scores,
        Func<ExactProcess, Task<ExactProcess>> crashAsync
    )
    {
        var random = new Random(rounds);
        var (old, before) = (scores == 0 ? null : Old, Scores(scores, Old));
        var after = Scores(Math.Max(scores, Few), New);
        var replica = await StartAsync(connectionString);
        try
        {
            await ImportAsync(replica, before);
            var schema = await SchemaAsync(connectionString);
            var started = Stopwatch.GetTimestamp();
            await ImportAsync(replica, after);
            var whole = Stopwatch.GetElapsedTime(started);
            var outcomes = new List<string>();
            for (var round = 0; round < rounds; round++)
            {
                await ImportAsync(replica, before);
                var last = await LastImportAsync(replica);
                var import = PostAsync(replica, after);

                // The one place where a time is the condition: anywhere from the first byte to just after the end.
                await Task.Delay(whole * (random.NextDouble() * 1.2), CancellationToken);
                replica = await crashAsync(replica);
                await import.ContinueWith(
                    _ => { },
                    CancellationToken,
                    TaskContinuationOptions.None,
                    TaskScheduler.Default
                );

                var ended = await LastImportAsync(replica);
                var state = ended.Id == last.Id ? "not begun" : ended.State;
                outcomes.Add(state);
                Assert.Equal(state == "succeeded" ? New : old, await ContentAsync(connectionString));
                Assert.Equal(schema, await SchemaAsync(connectionString));
                Assert.Equal(state == "failed", ended.Error is not null);
            }

            Assert.All(outcomes, state => Assert.True(state is "succeeded" or "failed" or "not begun"));
            Assert.True(rounds < 4 || outcomes.Contains("failed"));
        }
        finally
        {
            await replica.DisposeAsync();
        }
    }

    private static async Task<ExactProcess> StartAsync(string connectionString)
    {
        var replica = ExactProcess.Serve(connectionString);
        await replica.WaitUntilReadyAsync();
        return replica;
    }

    /// <summary>Imports, waiting for PostgreSQL to notice that the process before is dead, or for the service to notice that PostgreSQL was.</summary>
    private static Task ImportAsync(ExactProcess replica, byte[] fixture) =>
        UntilAsync(async () =>
        {
            using var answer = await PostAsync(replica, fixture);
            Assert.True(
                answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.Conflict or HttpStatusCode.ServiceUnavailable
            );
            return answer.StatusCode is HttpStatusCode.OK;
        });

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!await condition())
        {
            await Task.Delay(50, patience.Token);
        }
    }

    private static Task<HttpResponseMessage> PostAsync(ExactProcess replica, byte[] fixture) =>
        replica.Client.PostAsync("/api/admin/import?mode=replace", new ByteArrayContent(fixture), CancellationToken);

    /// <summary>How the last import ended, as the replica tells it once no session works for it any more.</summary>
    private static async Task<Ended> LastImportAsync(ExactProcess replica)
    {
        Ended? ended = null;
        await UntilAsync(async () =>
        {
            using var answer = await replica.Client.GetAsync(Operations, CancellationToken);
            if (answer.StatusCode is HttpStatusCode.ServiceUnavailable)
            {
                return false; // a session of its pool was one with the server that is gone
            }

            var last = (await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken))
                .EnumerateArray()
                .First(operation => operation.GetProperty("kind").GetString() == "import");
            var state = last.GetProperty("state").GetString()!;
            ended = new(last.GetProperty("id").GetInt64(), state, last.GetProperty("error").GetString());
            return state != "running";
        });
        return ended!;
    }

    private sealed record Ended(long Id, string State, string? Error);

    /// <summary>The one method name that all scores have; null when there are none.</summary>
    private static Task<string?> ContentAsync(string connectionString) =>
        ScalarAsync(connectionString, "SELECT string_agg(DISTINCT method_name, ' and ') FROM scores");

    private static Task<string?> SchemaAsync(string connectionString) =>
        ScalarAsync(connectionString, FixtureDatabase.Schema);

    private static async Task<string?> ScalarAsync(string connectionString, string sql)
    {
        await using var reader = NpgsqlDataSource.Create(connectionString);
        await using var command = reader.CreateCommand(sql);
        return await command.ExecuteScalarAsync(CancellationToken) as string;
    }

    private static async Task<bool> IsReadingAsync(ExactProcess replica)
    {
        var operations = await replica.Client.GetFromJsonAsync<JsonElement>(Operations, CancellationToken);
        return operations[0].GetProperty("progress") is { ValueKind: JsonValueKind.Object } progress
            && progress.GetProperty("phase").GetString() == "reading";
    }

    private static byte[] Scores(int count, string method) =>
        Encoding.UTF8.GetBytes(
            Fixture([
                Challenge(),
                .. Enumerable
                    .Range(1, count)
                    .Select(pk =>
                        Score(
                            pk,
                            fields: string.Create(
                                CultureInfo.InvariantCulture,
                                $"\"score\": {pk}.5, \"method_name\": \"{method}\""
                            )
                        )
                    ),
            ])
        );
}
