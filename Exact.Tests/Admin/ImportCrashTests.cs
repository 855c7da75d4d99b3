using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Exact.Tests.Support;
using static Exact.Tests.Fixtures.Sample;

namespace Exact.Tests.Admin;

/// <summary>The service is killed in the middle of an import: the old data or the new, and a journal that tells which.</summary>
public sealed class ImportCrashTests(MissingDatabase database) : IClassFixture<MissingDatabase>
{
    private const string Old = "old";
    private const string New = "new";

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    /// <summary>bench/chaos.sh asks for more.</summary>
    private static int Rounds =>
        int.Parse(Environment.GetEnvironmentVariable("EXACT_IMPORT_KILLS") ?? "5", CultureInfo.InvariantCulture);

    [Fact]
    public Task A_kill_leaves_the_old_data_or_the_new() => KillAsync(Rounds, scores: 10_000);

    private async Task KillAsync(int rounds, int scores)
    {
        var random = new Random(rounds);
        var before = Scores(scores, Old);
        var after = Scores(scores, New);
        var replica = await StartAsync();
        try
        {
            await ImportAsync(replica, before);
            var started = Stopwatch.GetTimestamp();
            await ImportAsync(replica, after);
            var whole = Stopwatch.GetElapsedTime(started);
            var outcomes = new List<string>();
            for (var round = 0; round < rounds; round++)
            {
                await ImportAsync(replica, before);
                var import = PostAsync(replica, after);

                // The one place where a time is the condition: anywhere from the first byte to just after the end.
                await Task.Delay(whole * (random.NextDouble() * 1.2), CancellationToken);
                replica.Kill();
                await import.ContinueWith(
                    _ => { },
                    CancellationToken,
                    TaskContinuationOptions.None,
                    TaskScheduler.Default
                );
                await replica.DisposeAsync();
                replica = await StartAsync();

                var (state, error) = await LastImportAsync(replica);
                var content = await ContentAsync();
                outcomes.Add(state);
                Assert.Equal(state == "succeeded" ? New : Old, content);
                Assert.Equal(state == "succeeded", error is null);
            }

            Assert.All(outcomes, state => Assert.True(state is "succeeded" or "failed"));
            Assert.Contains("failed", outcomes);
        }
        finally
        {
            await replica.DisposeAsync();
        }
    }

    private async Task<ExactProcess> StartAsync()
    {
        var replica = ExactProcess.Serve(database.ConnectionString);
        await replica.WaitUntilReadyAsync();
        return replica;
    }

    /// <summary>Imports, waiting for PostgreSQL to notice that the process before is dead.</summary>
    private static async Task ImportAsync(ExactProcess replica, byte[] fixture)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            using var answer = await PostAsync(replica, fixture);
            if (answer.StatusCode is HttpStatusCode.OK)
            {
                return;
            }

            Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
            Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromSeconds(30));
            await Task.Delay(100, CancellationToken);
        }
    }

    private static Task<HttpResponseMessage> PostAsync(ExactProcess replica, byte[] fixture) =>
        replica.Client.PostAsync("/api/admin/import", new ByteArrayContent(fixture), CancellationToken);

    /// <summary>How the last import ended, as the replica tells it once no session works for it any more.</summary>
    private static async Task<(string State, string? Error)> LastImportAsync(ExactProcess replica)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            var operations = await replica.Client.GetFromJsonAsync<JsonElement>(
                "/api/admin/operations?limit=20",
                CancellationToken
            );
            var last = operations.EnumerateArray().First(o => o.GetProperty("kind").GetString() == "import");
            if (last.GetProperty("state").GetString() is not "running" and { } state)
            {
                return (state, last.GetProperty("error").GetString());
            }

            Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromSeconds(30));
            await Task.Delay(50, CancellationToken);
        }
    }

    /// <summary>The one method name that all scores have.</summary>
    private async Task<string?> ContentAsync() =>
        await database.ScalarAsync<string>("SELECT string_agg(DISTINCT method_name, ' and ') FROM scores");

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
