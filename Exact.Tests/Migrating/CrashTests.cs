using Exact.Tests.Support;
using Exact.Tests.Support.TestMigrations;

namespace Exact.Tests.Migrating;

/// <summary>A migrating replica may die at any moment, and the others continue.</summary>
public sealed class CrashTests : IAsyncLifetime
{
    private readonly MissingDatabase database = new();

    public ValueTask InitializeAsync() => database.InitializeAsync();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task The_holders_session_is_ended_three_times_and_each_migration_is_applied_once()
    {
        await using var replicas = Replicas.Start(
            4,
            database.ConnectionString,
            Scenario.Settings("ledger+seed", "0.3")
        );
        var holder = 0;
        for (var times = 0; times < 3; times++)
        {
            holder = await Replicas.HolderAsync(database, other: holder);
            await database.ExecuteAsync($"SELECT pg_terminate_backend({holder})");
        }

        await replicas.WaitUntilReadyAsync();

        Assert.Equal("1:1 2:1 3:1 4:1 5:1", await Replicas.LedgerAsync(database));
        Assert.Equal(1, await database.ScalarAsync<long>("SELECT count(*) FROM seeds"));
        Assert.All(replicas.All, replica => Assert.False(replica.HasExited, replica.Log));
    }

    [Fact]
    public async Task Seeding_that_a_killed_replica_missed_is_done_once_by_the_next()
    {
        // Every migration is applied and nothing is seeded, as after a kill between the two.
        await using (var first = ExactProcess.Serve(database.ConnectionString, Scenario.Settings("ledger")))
        {
            await first.WaitUntilReadyAsync();
        }

        Assert.Equal(0, await database.ScalarAsync<long>("SELECT count(*) FROM seeds"));

        await using (var next = Replicas.Start(3, database.ConnectionString, Scenario.Settings("ledger+seed")))
        {
            await next.WaitUntilReadyAsync();
            Assert.Equal(1, await database.ScalarAsync<long>("SELECT count(*) FROM seeds"));
        }

        // Recorded seeding is not repeated, even if its rows have been deleted.
        await database.ExecuteAsync("DELETE FROM seeds");
        await using var last = ExactProcess.Serve(database.ConnectionString, Scenario.Settings("ledger+seed"));
        await last.WaitUntilReadyAsync();
        Assert.Equal(0, await database.ScalarAsync<long>("SELECT count(*) FROM seeds"));
        Assert.Equal("1:1 2:1 3:1 4:1 5:1", await Replicas.LedgerAsync(database));
    }

    [Fact]
    public async Task A_replica_that_is_killed_while_it_migrates_is_followed_by_another()
    {
        await using var replicas = Replicas.Start(1, database.ConnectionString, Scenario.Settings("ledger", "30"));
        var holder = await Replicas.HolderAsync(database);
        await replicas.All[0].WaitForLogAsync("Ledger1 (");

        replicas.All[0].Kill();
        await using var next = ExactProcess.Serve(database.ConnectionString, Scenario.Settings("ledger"));
        await next.WaitUntilReadyAsync(); // long before the killed one's statement would have ended (30 s)

        Assert.Equal("1:1 2:1 3:1 4:1 5:1", await Replicas.LedgerAsync(database));
        Assert.Equal(
            0,
            await database.ScalarAsync<long>($"SELECT count(*) FROM pg_stat_activity WHERE pid = {holder}")
        );
    }

    [Fact]
    public async Task A_concurrent_index_that_was_interrupted_is_built_by_the_next_start()
    {
        await using var replicas = Replicas.Start(1, database.ConnectionString, Scenario.Settings("index"));
        await WaitForAsync(
            "SELECT EXISTS (SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('ix_readings') AND NOT indisvalid)"
        );

        replicas.All[0].Kill();
        await using var next = ExactProcess.Serve(database.ConnectionString, Scenario.Settings("index"));
        await next.WaitUntilReadyAsync();

        Assert.Contains("Dropped index ix_readings", next.Log);
        Assert.Equal(0, await database.ScalarAsync<long>("SELECT count(*) FROM pg_index WHERE NOT indisvalid"));
        Assert.True(await database.ScalarAsync<bool>("SELECT to_regclass('ix_readings') IS NOT NULL"));
    }

    [Fact]
    public async Task An_index_that_was_built_but_not_recorded_is_built_again()
    {
        await using var before = await ExactProcess.RunAsync(database.ConnectionString, "migrate");
        await database.ExecuteAsync("CREATE TABLE readings_before (value int)");
        await using var replicas = Replicas.Start(1, database.ConnectionString, Scenario.Settings("index"));
        await replicas.WaitUntilReadyAsync();
        await database.ExecuteAsync("DELETE FROM \"__EFMigrationsHistory\" WHERE migration_id LIKE '%ReadingsIndex'");

        await using var next = ExactProcess.Serve(database.ConnectionString, Scenario.Settings("index"));
        await next.WaitUntilReadyAsync();

        Assert.Equal(
            1,
            await database.ScalarAsync<long>("SELECT count(*) FROM pg_class WHERE relname LIKE 'ix_readings%'")
        );
    }

    [Fact]
    public async Task Eight_replicas_and_a_concurrent_index_do_not_wait_for_each_other()
    {
        await using var replicas = Replicas.Start(8, database.ConnectionString, Scenario.Settings("index"));

        await replicas.WaitUntilReadyAsync();

        Assert.All(replicas.All, replica => Assert.False(replica.HasExited, replica.Log));
        Assert.Equal(
            "ix_readings: true",
            await database.ScalarAsync<string>(
                """
                SELECT string_agg(indexrelid::regclass || ': ' || (indisvalid AND indisready), ', ')
                FROM pg_index WHERE indrelid = 'readings'::regclass OR NOT indisvalid
                """
            )
        );
    }

    [Theory]
    [InlineData("INT")]
    [InlineData("QUIT")]
    public async Task A_server_restart_during_a_migration_ends_no_replica(string signal)
    {
        await using var server = await OwnServer.StartNewAsync();
        await using var replicas = Replicas.Start(2, server.ConnectionString, Scenario.Settings("ledger", "0.5"));
        await Task.WhenAny(replicas.All.Select(one => one.WaitForLogAsync("Ledger2 (")));

        await server.SignalAsync(signal);
        await server.StartAsync();
        await replicas.WaitUntilReadyAsync();

        await using var connection = new Npgsql.NpgsqlConnection(server.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var count = new Npgsql.NpgsqlCommand(
            "SELECT count(*) || ':' || count(DISTINCT migration) FROM ledger",
            connection
        );
        Assert.Equal("5:5", await count.ExecuteScalarAsync(TestContext.Current.CancellationToken));
    }

    private Task WaitForAsync(string condition) =>
        Wait.UntilAsync(
            async () =>
            {
                try
                {
                    return await database.ScalarAsync<bool>(condition);
                }
                catch (Npgsql.PostgresException e) when (e.SqlState is Npgsql.PostgresErrorCodes.InvalidCatalogName)
                {
                    return false; // no replica has created the database yet
                }
            },
            condition
        );
}
