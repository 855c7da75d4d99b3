using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Exact.Tests.Support;
using Exact.Tests.Support.TestMigrations;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Database;

/// <summary>
/// The claims of <see cref="SeveralHostsTests"/> with Patroni, which decides itself who leads, many times over and with figures.
/// </summary>
public sealed class PatroniTests(ITestOutputHelper output)
{
    /// <summary>In every so manieth round, the whole node is lost, so that its lease of 20 s has to run out.</summary>
    private const int NodeRounds = 10;

    private static readonly int Rounds = int.Parse(
        Environment.GetEnvironmentVariable("EXACT_CHAOS_FAILOVERS") ?? "50",
        CultureInfo.InvariantCulture
    );

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_leader_is_killed_under_reads_imports_and_migrations()
    {
        await using var cluster = await PatroniCluster.StartAsync();
        var connectionString = cluster.ConnectionStringOf("exact");
        await using var service = ExactProcess.Serve(connectionString);
        await using var idle = ExactProcess.Serve(connectionString);
        await service.WaitUntilReadyAsync();
        await idle.WaitUntilReadyAsync();
        using (var sample = new ByteArrayContent(Encoding.UTF8.GetBytes(Fixture(Challenge()))))
        {
            using var first = await service.Client.PostAsync("/api/admin/import", sample, Cancellation);
            first.EnsureSuccessStatusCode();
        }

        var (promoted, ready) = (new List<double>(), new List<double>());
        var (migrated, returned) = (0, 0);
        await using var load = new SteadyLoad(service.Client);
        await using var imports = new Imports(service.Client);
        for (var round = 1; round <= Rounds; round++)
        {
            var leader = await cluster.WhenWholeAsync();
            await using var replicas = round % 2 == 0 ? await MigrateAsync(cluster, round) : null;
            var (isNode, killed) = (round % NodeRounds == 0, Stopwatch.GetTimestamp());
            await (isNode ? cluster.KillNodeAsync(leader) : cluster.KillServerAsync(leader));
            var next = -1; // where no standby may be promoted, the old leader starts again
            await Wait.UntilAsync(async () => (next = await cluster.FindLeaderAsync()) >= 0, "there is a leader again");
            returned += next == leader ? 1 : 0;
            var promotion = Stopwatch.GetElapsedTime(killed).TotalSeconds;
            await service.WaitUntilAsync("/health/ready", HttpStatusCode.OK);
            await idle.WaitUntilAsync("/health/ready", HttpStatusCode.OK);
            load.Forget();
            await load.HasAnsweredAsync(HttpStatusCode.OK);
            var total = Stopwatch.GetElapsedTime(killed).TotalSeconds;
            promoted.Add(promotion);
            ready.Add(total - promotion);
            if (replicas is not null)
            {
                await replicas.WaitUntilReadyAsync();
                Assert.DoesNotContain(replicas.All, replica => replica.HasExited);
                Assert.Equal("1:1 2:1 3:1 4:1 5:1", await LedgerAsync(cluster, round));
                migrated++;
            }

            if (isNode)
            {
                await cluster.ReviveAsync(leader);
            }
        }

        output.WriteLine(
            $"{Rounds} leaders killed, {Rounds / NodeRounds} of them with their Patroni; {migrated} in a migration; "
                + $"{returned} came back as leaders"
        );
        output.WriteLine($"promoted after {Show(promoted)}; ready again {Show(ready)} after the promotion");
        foreach (
            var line in service
                .Log.Split('\n')
                .Where(line => line.Contains("Exception", StringComparison.Ordinal))
                .Take(20)
        )
        {
            output.WriteLine(line[..Math.Min(line.Length, 1000)]);
        }

        output.WriteLine(
            string.Join(", ", load.Counts.OrderBy(one => one.Key).Select(one => $"{one.Key}: {one.Value}"))
        );
        await imports.EndAsync(); // one that is acknowledged after the question would look like a lost one
        var last = await cluster.WhenWholeAsync();
        var (acknowledged, doubted, failed) = await imports.CheckAsync(
            await cluster.ScalarAsync<string[]>(last, "SELECT array_agg(name) FROM roles", "exact") ?? []
        );
        output.WriteLine(
            $"imports: {acknowledged} acknowledged and there, {doubted} in doubt and told, {failed} failed and not there"
        );
        Assert.All(load.Counts.Keys, answer => Assert.Matches("^(GET|PATCH) (200|503)$", answer));
        Assert.True(ready.Max() <= 5, $"ready {ready.Max():0.0} s after the promotion");
    }

    /// <summary>Two replicas begin five migrations of a new database; it returns when the second one runs.</summary>
    private static async Task<Replicas> MigrateAsync(PatroniCluster cluster, int round)
    {
        var replicas = Replicas.Start(
            2,
            cluster.ConnectionStringOf($"round{round}"),
            Scenario.Settings("ledger", "0.5")
        );
        await Wait.UntilAsync(
            () => Task.FromResult(replicas.All.Any(one => one.Log.Contains("_Ledger2 (", StringComparison.Ordinal))),
            "a replica applies the second one"
        );
        return replicas;
    }

    private static async Task<string?> LedgerAsync(PatroniCluster cluster, int round) =>
        await cluster.ScalarAsync<string>(
            await cluster.FindLeaderAsync(),
            """
            SELECT string_agg(migration || ':' || times, ' ' ORDER BY migration)
            FROM (SELECT migration, count(*) AS times FROM ledger GROUP BY migration) counted
            """,
            $"round{round}"
        );

    private static string Show(List<double> seconds)
    {
        var sorted = seconds.Order().ToList();
        return $"{sorted[sorted.Count / 2]:0.0} s (median), {sorted[^1]:0.0} s (slowest)";
    }

    /// <summary>Imports one group after the other, and remembers what was answered.</summary>
    private sealed class Imports : IAsyncDisposable
    {
        private readonly CancellationTokenSource ending = new();
        private readonly List<(string Name, HttpStatusCode Status, Uri? Operation)> answers = [];
        private readonly HttpClient client;
        private readonly Task running;

        public Imports(HttpClient client)
        {
            this.client = client;
            running = RunAsync();
        }

        /// <summary>Waits for the last answer.</summary>
        public async Task EndAsync()
        {
            await ending.CancelAsync();
            await running;
        }

        /// <summary>Compares each answer with what is there.</summary>
        public async Task<(int Acknowledged, int Doubted, int Failed)> CheckAsync(string[] there)
        {
            var (acknowledged, doubted, failed, lost) = (0, 0, 0, "");
            foreach (var (name, status, operation) in answers)
            {
                var isThere = there.Contains(name);
                if (status is HttpStatusCode.OK)
                {
                    lost += isThere ? "" : $" {name}";
                    acknowledged++;
                }
                else if (operation is null)
                {
                    Assert.False(isThere, $"{name} failed, and is there");
                    failed++;
                }
                else
                {
                    using var answer = await client.GetAsync(operation, Cancellation);
                    var told =
                        answer.StatusCode is HttpStatusCode.OK
                            ? (await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation))
                                .GetProperty("state")
                                .GetString()
                            : "not known"; // even its beginning is lost
                    Assert.Equal(isThere, told is "succeeded");
                    doubted++;
                }
            }

            Assert.True(lost.Length == 0, $"of {acknowledged} that were acknowledged, lost:{lost}");
            return (acknowledged, doubted, failed);
        }

        public async ValueTask DisposeAsync()
        {
            await EndAsync();
            ending.Dispose();
        }

        private async Task RunAsync()
        {
            for (var number = 1; !ending.IsCancellationRequested; number++)
            {
                var name = $"group {number}";
                using var file = new ByteArrayContent(Encoding.UTF8.GetBytes(Fixture(Group(number, name))));
                using var answer = await client.PostAsync("/api/admin/import", file);
                Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.ServiceUnavailable, $"{answer}");
                answers.Add((name, answer.StatusCode, answer.Headers.Location));
            }
        }
    }
}
