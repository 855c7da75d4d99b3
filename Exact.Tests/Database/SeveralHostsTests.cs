using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Exact.Tests.Support;
using Exact.Tests.Support.TestMigrations;
using Exact.Tests.Transfer;
using Npgsql;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Database;

/// <summary>
/// A primary that ends, and a standby that takes its place: with real servers, PostgreSQL's own replication and the real program.
/// </summary>
public sealed class SeveralHostsTests
{
    private const string List = "/api/challenges";

    /// <summary>A failover takes a second or two; a busy machine is no failure, but half a minute is one.</summary>
    private static readonly TimeSpan Failover = TimeSpan.FromSeconds(20);

    /// <summary>The same, and for what only a check of the schema notices.</summary>
    private static readonly TimeSpan Notice = TimeSpan.FromSeconds(30);

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_failover_under_load_costs_nothing_but_503_until_the_standby_is_promoted()
    {
        await using var servers = await PrimaryAndStandby.StartAsync();
        await using var service = ExactProcess.Serve(servers.ConnectionString);
        await using var idle = ExactProcess.Serve(servers.ConnectionString);
        await service.WaitUntilReadyAsync();
        await idle.WaitUntilReadyAsync();
        await ImportAsync(service, Challenge());
        await servers.CatchUpAsync();

        for (var round = 0; round < 2; round++)
        {
            await using var load = new SteadyLoad(service.Client);
            await load.HasAnsweredAsync(HttpStatusCode.OK);
            await servers.FailOverAsync();
            await service.WaitUntilReadyAsync(Failover);
            await idle.WaitUntilReadyAsync(Failover);

            load.Forget();
            await load.HasAnsweredAsync(HttpStatusCode.OK);
            Assert.Subset(new HashSet<string> { "GET 200", "GET 503", "PATCH 200", "PATCH 503" }, load.Seen);
            await servers.AttachAsync(); // the former primary comes back as a standby of the new one
        }

        Assert.Equal(HttpStatusCode.OK, await PatchAsync(service));
        Assert.InRange(service.Log.Length, 1, 20_000);
    }

    [Fact]
    public async Task An_import_whose_primary_ends_leaves_nothing_behind_and_succeeds_at_the_next()
    {
        await using var servers = await PrimaryAndStandby.StartAsync();
        await using var service = ExactProcess.Serve(servers.ConnectionString);
        await service.WaitUntilReadyAsync();
        var file = Encoding.UTF8.GetBytes(Fixture([Challenge(), .. Enumerable.Range(1, 5000).Select(pk => Score(pk))]));
        var gate = new TaskCompletionSource();
        var body = new GatedStream(file, gate.Task, openAfter: file.Length / 2);
        var import = service.Client.PostAsync("/api/admin/import", new StreamContent(body), CancellationToken);
        await body.Reading;
        await Wait.UntilAsync(
            () =>
                servers.Primary.ScalarAsync<bool>(
                    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'COPY%' AND state = 'active')"
                ),
            "records are being copied"
        );
        await servers.CatchUpAsync();

        await servers.FailOverAsync();
        gate.SetResult();
        using var answer = await import;
        await service.WaitUntilReadyAsync(Failover);
        var operations = await service.Client.GetFromJsonAsync<JsonElement>("/api/admin/operations", CancellationToken);
        var left = await servers.Primary.ScalarAsync<long>(
            "SELECT (SELECT count(*) FROM challenges) + (SELECT count(*) FROM scores)",
            "exact"
        );
        using var again = await service.Client.PostAsync(
            "/api/admin/import",
            new ByteArrayContent(file),
            CancellationToken
        );

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.NotNull(answer.Headers.RetryAfter);
        Assert.Equal(["failed"], StatesOf(operations));
        Assert.Equal(0, left);
        Assert.Equal(HttpStatusCode.OK, again.StatusCode);
        Assert.Equal(5000, await servers.Primary.ScalarAsync<long>("SELECT count(*) FROM scores", "exact"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_COMMIT_in_doubt_is_told_as_the_surviving_server_has_it(bool hasArrived)
    {
        await using var servers = await PrimaryAndStandby.StartAsync();
        await using var service = ExactProcess.Serve(servers.ConnectionString);
        await service.WaitUntilReadyAsync();
        await servers.CatchUpAsync();
        if (!hasArrived)
        {
            await servers.DetachAsync();
        }

        // The COMMIT is written, but waits for a standby that does not exist.
        await servers.Primary.WaitForStandbyAsync("nobody");
        var file = new ByteArrayContent(Encoding.UTF8.GetBytes(Fixture(Group())));
        var import = service.Client.PostAsync("/api/admin/import", file, CancellationToken);
        await servers.Primary.HasWaitingCommitAsync();
        if (hasArrived)
        {
            await servers.CatchUpAsync();
        }

        await servers.Standby.WaitForStandbyAsync("");
        await servers.FailOverAsync();
        using var answer = await import;
        await service.WaitUntilReadyAsync(Failover);
        var groups = await servers.Primary.ScalarAsync<long>("SELECT count(*) FROM roles", "exact");
        var operations = await service.Client.GetFromJsonAsync<JsonElement>("/api/admin/operations", CancellationToken);

        Assert.Equal(hasArrived ? 1 : 0, groups);
        Assert.Equal(hasArrived ? HttpStatusCode.OK : HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        // Where even the beginning of the operation has not arrived, there is no entry.
        Assert.Equal(hasArrived ? ["succeeded"] : [], StatesOf(operations));
    }

    [Fact]
    public async Task Each_migration_is_applied_once_on_the_server_that_survives()
    {
        await using var servers = await PrimaryAndStandby.StartAsync();
        await using var replicas = Replicas.Start(2, servers.ConnectionString, Scenario.Settings("ledger", "0.5"));
        await Wait.UntilAsync(
            () => servers.Standby.TryAsync("SELECT to_regclass('ledger_2') IS NOT NULL", "exact"),
            "the second migration is on the standby"
        );

        await servers.FailOverAsync();
        await replicas.WaitUntilReadyAsync(Failover);

        Assert.DoesNotContain(replicas.All, replica => replica.HasExited);
        Assert.Equal(
            "1:1 2:1 3:1 4:1 5:1",
            await servers.Primary.ScalarAsync<string>(
                """
                SELECT string_agg(migration || ':' || times, ' ' ORDER BY migration)
                FROM (SELECT migration, count(*) AS times FROM ledger GROUP BY migration) counted
                """,
                "exact"
            )
        );
    }

    [Fact]
    public async Task A_promoted_standby_that_lacks_the_last_migration_is_noticed_and_migrated_again_although_nobody_asks()
    {
        await using var servers = await PrimaryAndStandby.StartAsync();
        await using (var older = ExactProcess.Serve(servers.ConnectionString))
        {
            await older.WaitUntilReadyAsync();
        }

        await servers.CatchUpAsync();
        await servers.DetachAsync();
        await using var service = ExactProcess.Serve(servers.ConnectionString, Scenario.Settings("alter"));
        await service.WaitUntilReadyAsync();

        await servers.FailOverAsync();

        await service.WaitForLogAsync("No longer ready: Pending migrations: 1", Notice);
        await service.WaitForLogAsync("Ready again", Failover);
        Assert.True(
            await servers.Primary.ScalarAsync<bool>(
                "SELECT EXISTS (SELECT FROM \"__EFMigrationsHistory\" WHERE migration_id LIKE '2099%')",
                "exact"
            )
        );
    }

    [Fact]
    public async Task A_primary_that_hangs_is_left_for_the_standby_that_is_promoted()
    {
        await using var servers = await PrimaryAndStandby.StartAsync();
        await using var service = ExactProcess.Serve(servers.ConnectionString);
        await service.WaitUntilReadyAsync();
        await ImportAsync(service, Challenge());
        await servers.CatchUpAsync();
        var hanging = servers.Primary;

        await hanging.SignalAsync("STOP");
        await servers.PromoteAsync();

        // A request that was already on its way waits for its time limit.
        await service.WaitUntilAsync(List, HttpStatusCode.OK);
        await service.WaitUntilReadyAsync();
        await Wait.UntilAsync(async () => await PatchAsync(service) is HttpStatusCode.OK, "a change is accepted");
        await hanging.SignalAsync("CONT");
    }

    [Fact]
    public async Task A_lost_machine_that_is_named_first_does_not_hold_up_every_request()
    {
        await using var database = new TestDatabase();
        await database.InitializeAsync();
        // What asks a listener whose queue is full gets no answer, as from a machine that is gone.
        using var lost = new TcpListener(IPAddress.Loopback, 0);
        lost.Start(0);
        using var first = new TcpClient();
        using var second = new TcpClient();
        _ = first.ConnectAsync((IPEndPoint)lost.LocalEndpoint, CancellationToken).AsTask();
        _ = second.ConnectAsync((IPEndPoint)lost.LocalEndpoint, CancellationToken).AsTask();
        var settings = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        settings.Host = $"{lost.LocalEndpoint},{settings.Host}:{settings.Port}";
        await using var service = ExactProcess.Serve(settings.ConnectionString);
        await service.WaitUntilReadyAsync();

        await using var load = new SteadyLoad(service.Client);

        // At two seconds each, as where a lost machine is not remembered, they would take 25 minutes.
        await Wait.UntilAsync(
            () => Task.FromResult(load.Counts.GetValueOrDefault("GET 200") >= 3000),
            "3000 requests are answered"
        );
        Assert.DoesNotContain(load.Seen, answer => answer.Contains("50", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Public_reads_go_to_the_standby_and_those_of_callers_who_may_have_written_do_not()
    {
        await using var servers = await PrimaryAndStandby.StartAsync();
        var settings = new Dictionary<string, string> { ["Database__ReadFromStandbys"] = "true" };
        await using var service = ExactProcess.Serve(servers.ConnectionString, settings);
        await service.WaitUntilReadyAsync();
        await ImportAsync(service, Challenge());
        await servers.CatchUpAsync();
        await servers.Standby.ScalarAsync<object>("SELECT pg_wal_replay_pause()");
        await ImportAsync(service, Challenge(2, "second"));
        using var everybody = new HttpClient { BaseAddress = service.Client.BaseAddress };

        var admin = await CountAsync(service.Client);
        var behind = await CountAsync(everybody);
        using var board = await everybody.GetAsync($"{List}/second/leaderboard", CancellationToken);
        await servers.Standby.ScalarAsync<object>("SELECT pg_wal_replay_resume()");
        await servers.CatchUpAsync();
        var together = await CountAsync(everybody);
        await servers.Standby.SignalAsync("QUIT");
        var without = await CountAsync(everybody);

        Assert.Equal((2, 1), (admin, behind));
        Assert.Equal(HttpStatusCode.NotFound, board.StatusCode);
        Assert.Equal((2, 2), (together, without));
    }

    /// <summary>The states of the imports.</summary>
    private static IEnumerable<string?> StatesOf(JsonElement operations) =>
        from operation in operations.EnumerateArray()
        where operation.GetProperty("kind").GetString() is "import"
        select operation.GetProperty("state").GetString();

    private static async Task<int> CountAsync(HttpClient client)
    {
        using var answer = await client.GetAsync(new Uri(List, UriKind.Relative), CancellationToken);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken)).GetArrayLength();
    }

    private static async Task ImportAsync(ExactProcess service, params string[] records)
    {
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(Fixture(records)));
        using var answer = await service.Client.PostAsync("/api/admin/import", content, CancellationToken);
        answer.EnsureSuccessStatusCode();
    }

    private static async Task<HttpStatusCode> PatchAsync(ExactProcess service)
    {
        using var content = new StringContent("""{"title": "changed"}""", null, "application/json");
        using var answer = await service.Client.PatchAsync($"{List}/c1", content, CancellationToken);
        return answer.StatusCode;
    }
}
