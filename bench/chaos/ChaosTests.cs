using System.Diagnostics;
using System.Globalization;
using Exact.Infrastructure;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Exact.Tests.Support;
using Exact.Tests.Support.TestMigrations;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Exact.Tests.Migrating;

/// <summary>
/// The same claims as in <see cref="ReplicaTests"/> and <see cref="CrashTests"/>, many times over, with figures: minutes, not
/// seconds, so they are no part of the suite: <c>bench/chaos.sh</c> builds them in and runs them.
/// </summary>
public sealed class ChaosTests(ITestOutputHelper output)
{
    private static readonly int Rounds = int.Parse(
        Environment.GetEnvironmentVariable("EXACT_CHAOS_ROUNDS") ?? "100",
        CultureInfo.InvariantCulture
    );

    [Fact]
    public async Task Sixteen_processes_and_five_migrations_on_a_missing_database()
    {
        var failures = 0;
        for (var round = 0; round < Rounds; round++)
        {
            await using var database = new MissingDatabase();
            await database.InitializeAsync();
            await using var replicas = Replicas.Start(16, database.ConnectionString, Scenario.Settings("ledger+seed"));
            await replicas.WaitUntilReadyAsync();
            failures += replicas.All.Count(one => one.HasExited);

            Assert.Equal("1:1 2:1 3:1 4:1 5:1", await Replicas.LedgerAsync(database));
            Assert.Equal(1, await database.ScalarAsync<long>("SELECT count(*) FROM seeds"));
        }

        output.WriteLine($"{Rounds} rounds of 16 processes: {failures} failures, each migration once, 1 seed row");
        Assert.Equal(0, failures);
    }

    [Fact]
    public async Task The_holder_is_killed_at_random_moments()
    {
        var takeovers = new List<double>();
        for (var round = 0; round < Rounds / 2; round++)
        {
            await using var database = new MissingDatabase();
            await database.InitializeAsync();
            await using var replicas = Replicas.Start(
                3,
                database.ConnectionString,
                Scenario.Settings("ledger+seed", "0.4")
            );
            var holder = await Replicas.HolderAsync(database);
            await Task.Delay(Random.Shared.Next(2500), TestContext.Current.CancellationToken);
            var killed = await KillAsync(replicas, database);
            if (killed)
            {
                var at = Stopwatch.GetTimestamp();
                await FreeAsync(database, holder);
                takeovers.Add(Stopwatch.GetElapsedTime(at).TotalSeconds);
            }

            await replicas.WaitUntilReadyAsync();
            Assert.Equal("1:1 2:1 3:1 4:1 5:1", await Replicas.LedgerAsync(database));
            Assert.Equal(1, await database.ScalarAsync<long>("SELECT count(*) FROM seeds"));
        }

        output.WriteLine(
            $"{Rounds / 2} rounds, {takeovers.Count} killed while holding: lock taken over after {takeovers.Average():0.000} s "
                + $"on average, {takeovers.Max():0.000} s at the most"
        );
        Assert.True(takeovers.Max() < 2);
    }

    [Fact]
    public async Task Sixty_four_replicas_and_more_than_a_second_of_work()
    {
        Environment.SetEnvironmentVariable("EXACT_TEST_SCENARIO", "ledger");
        Environment.SetEnvironmentVariable("EXACT_TEST_SECONDS", "0.24");
        await using var database = new TestDatabase();
        await database.InitializeAsync();
        await using (var older = CreateReplica(database.ConnectionString))
        {
            await MigrateAsync(older);
        }

        var replicas = Enumerable.Range(0, 64).Select(_ => CreateReplica(database.ConnectionString, "ledger")).ToList();
        var started = Stopwatch.GetTimestamp();

        await Task.WhenAll(replicas.Select(MigrateAsync));

        var elapsed = Stopwatch.GetElapsedTime(started);
        output.WriteLine($"64 replicas, 1.2 s of migrations: all ready after {elapsed.TotalSeconds:0.00} s");
        Assert.Equal("1:1 2:1 3:1 4:1 5:1", await Replicas.LedgerAsync(database));
        Assert.True(elapsed < TimeSpan.FromSeconds(5));
        foreach (var one in replicas)
        {
            await one.DisposeAsync();
        }
    }

    [Fact]
    public async Task Sixteen_processes_take_little_longer_than_without_migrations()
    {
        const double Work = 1.2;
        var ratios = new List<double>();
        for (var round = 0; round < 3; round++)
        {
            await using var database = new TestDatabase();
            await database.InitializeAsync();
            await using (var older = CreateReplica(database.ConnectionString))
            {
                await MigrateAsync(older);
            }

            var with = await TimeAsync(database, Scenario.Settings("ledger", "0.24"));
            var check = Scenario.Settings("ledger", "0.24");
            check["Migrations__OnStartup"] = "Check"; // all is applied: the start only looks
            var without = await TimeAsync(database, check);
            ratios.Add((with - Work) / without);
            output.WriteLine($"16 processes: {with:0.00} s with {Work} s of migrations, {without:0.00} s without any");
        }

        ratios.Sort();
        output.WriteLine($"(with - work) / without: median {ratios[1]:0.00}");
    }

    [Fact]
    public async Task The_longest_wait_of_a_reader_and_of_the_status_while_a_migration_is_blocked_or_runs()
    {
        await using var database = new MissingDatabase();
        await database.InitializeAsync();
        await using (var older = ExactProcess.Serve(database.ConnectionString))
        {
            await older.WaitUntilReadyAsync();
        }

        var longest = await LongestSelectAsync(database);
        output.WriteLine(
            $"4 s reader and an ALTER: longest SELECT of the application {longest.TotalMilliseconds:0} ms"
        );

        await using var replica = ExactProcess.Serve(database.ConnectionString, Scenario.Settings("alter+slow", "3"));
        await Replicas.HolderAsync(database);
        var answers = new List<double>();
        while (!replica.Log.Contains("Applied migrations: 1,", StringComparison.Ordinal))
        {
            var at = Stopwatch.GetTimestamp();
            using var answer = await replica.Client.GetAsync(
                "/api/admin/migrations",
                TestContext.Current.CancellationToken
            );
            answers.Add(Stopwatch.GetElapsedTime(at).TotalMilliseconds);
        }

        var first = answers[0];
        answers.Sort();
        output.WriteLine(
            $"status during a 3 s migration: {answers.Count} answers, median {answers[answers.Count / 2]:0.0} ms, "
                + $"the process's first {first:0.0} ms, the two longest {answers[^1]:0.0} and {answers[^2]:0.0} ms"
        );
    }

    private static async Task<TimeSpan> LongestSelectAsync(TestDatabase database)
    {
        await using var reader = await database.DataSource.OpenConnectionAsync();
        await using var transaction = await reader.BeginTransactionAsync();
        await using (var read = new NpgsqlCommand("SELECT count(*) FROM scores", reader))
        {
            await read.ExecuteScalarAsync();
        }

        await using var replica = ExactProcess.Serve(database.ConnectionString, Scenario.Settings("alter"));
        await Replicas.HolderAsync(database);
        var longest = TimeSpan.Zero;
        var isReading = true;
        var started = Stopwatch.GetTimestamp();
        while (!replica.Log.Contains("The schema is ready", StringComparison.Ordinal))
        {
            if (isReading && Stopwatch.GetElapsedTime(started) > TimeSpan.FromSeconds(4))
            {
                await transaction.CommitAsync();
                isReading = false;
            }

            var at = Stopwatch.GetTimestamp();
            await database.ScalarAsync<long>("SELECT count(*) FROM scores");
            var took = Stopwatch.GetElapsedTime(at);
            longest = took > longest ? took : longest;
        }

        return longest;
    }

    private static Task MigrateAsync(ServiceProvider replica) =>
        replica.GetRequiredService<DatabaseMigrator>().MigrateAsync("chaos", CancellationToken.None);

    private static ServiceProvider CreateReplica(string connectionString, string? scenario = null)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new("ConnectionStrings:Exact", connectionString)])
            .Build();
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(configuration).AddLogging().AddExactInfrastructure();
        if (scenario is not null)
        {
            services.ConfigureDbContext<ExactDbContext>(options => options.UseScenario(scenario));
        }

        return services.BuildServiceProvider();
    }

    private static async Task<double> TimeAsync(TestDatabase database, Dictionary<string, string> settings)
    {
        var started = Stopwatch.GetTimestamp();
        await using var replicas = Replicas.Start(16, database.ConnectionString, settings);
        await replicas.WaitUntilReadyAsync();
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    /// <summary>Kills the replica whose session holds the lock: its log names the first migration.</summary>
    private static async Task<bool> KillAsync(Replicas replicas, TestDatabase database)
    {
        await using var connection = await database.DataSource.OpenConnectionAsync();
        var holds = await MigrationLock.FindHolderAsync(connection, default) is not null;
        var holder = replicas.All.FirstOrDefault(one =>
            one.Log.Contains("Applying migration", StringComparison.Ordinal)
            && !one.Log.Contains("The schema is ready", StringComparison.Ordinal)
        );
        holder?.Kill();
        return holds && holder is not null;
    }

    /// <summary>Waits until the killed session holds the lock no longer and another one does, or nothing is left to do.</summary>
    private static async Task FreeAsync(TestDatabase database, int holder)
    {
        while (true)
        {
            await using var connection = await database.DataSource.OpenConnectionAsync();
            var now = await MigrationLock.FindHolderAsync(connection, default);
            if (now?.ProcessId != holder && (now is not null || await IsDoneAsync(database)))
            {
                return;
            }

            await Task.Delay(5);
        }
    }

    private static async Task<bool> IsDoneAsync(TestDatabase database) =>
        await database.ScalarAsync<bool>("SELECT to_regclass('ledger_5') IS NOT NULL");
}
