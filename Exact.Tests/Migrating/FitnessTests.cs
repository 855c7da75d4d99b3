using Exact.Tests.Support;
using Exact.Tests.Support.TestMigrations;
using Npgsql;

namespace Exact.Tests.Migrating;

/// <summary>Databases, servers and roles that cannot be migrated, or need not be.</summary>
public sealed class FitnessTests(MigratedTemplate template)
{
    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_role_that_may_only_read_is_enough_when_nothing_is_pending()
    {
        await using var database = new MigratedDatabase(template);
        await database.InitializeAsync();
        await using var role = await TestRole.CreateAsync();
        await database.ExecuteAsync($"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role.Name}");
        await using (var replica = ExactProcess.Serve(role.ConnectionString(database.Name)))
        {
            await replica.WaitUntilReadyAsync();
        }

        await database.ExecuteAsync($"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role.Name}");
    }

    [Fact]
    public async Task A_read_only_database_is_enough_when_nothing_is_pending()
    {
        await using var database = new MigratedDatabase(template);
        await database.InitializeAsync();
        await database.ExecuteAsync($"ALTER DATABASE {database.Name} SET default_transaction_read_only = on");
        await using var replica = ExactProcess.Serve(database.ConnectionString);

        await replica.WaitUntilReadyAsync();
    }

    [Fact]
    public async Task A_role_that_may_not_create_tables_is_refused_by_name()
    {
        await using var database = new TestDatabase();
        await database.InitializeAsync();
        await database.ExecuteAsync("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
        await using var role = await TestRole.CreateAsync();
        await using var replica = ExactProcess.Serve(role.ConnectionString(database.Name));

        Assert.Equal(1, await replica.WaitForExitAsync());

        Assert.Contains("permission denied for schema public", replica.Log.Split('\n')[^1]);
    }

    [Fact]
    public async Task A_pooler_is_refused_with_the_way_out()
    {
        await using var database = new TestDatabase();
        await database.InitializeAsync();
        await using var pooler = await Pooler.StartAsync(await PostgresServer.ConnectionStringAsync());
        var pooled = new NpgsqlConnectionStringBuilder(pooler.ConnectionString) { Database = database.Name };
        await using var refused = ExactProcess.Serve(pooled.ConnectionString);

        Assert.Equal(1, await refused.WaitForExitAsync());

        Assert.Contains("is a connection pooler, not PostgreSQL", refused.Log.Split('\n')[^1]);
        Assert.Contains("ConnectionStrings__ExactMigrator", refused.Log.Split('\n')[^1]);

        // the advice works
        await using var direct = ExactProcess.Serve(
            pooled.ConnectionString,
            new Dictionary<string, string> { ["ConnectionStrings__ExactMigrator"] = database.ConnectionString }
        );
        await direct.WaitUntilReadyAsync();
    }

    [Fact]
    public async Task A_standby_is_refused()
    {
        await using var server = await OwnServer.StartNewAsync();
        await using (var migrate = await ExactProcess.RunAsync(server.ConnectionString, "migrate"))
        {
            Assert.Equal(0, await migrate.WaitForExitAsync());
        }

        await server.StopAsync();
        await File.WriteAllTextAsync(Path.Combine(server.DataFolder, "standby.signal"), "", CancellationToken);
        await server.StartAsync();
        await using var replica = ExactProcess.Serve(server.ConnectionString);

        Assert.Equal(1, await replica.WaitForExitAsync());

        Assert.Contains("is a standby and cannot be written to", replica.Log.Split('\n')[^1]);
    }

    [Fact]
    public async Task Two_applications_in_two_schemas_of_one_database_do_not_see_each_other()
    {
        await using var database = new TestDatabase();
        await database.InitializeAsync();
        await database.ExecuteAsync("CREATE SCHEMA one; CREATE SCHEMA two");
        string In(string schema) =>
            new NpgsqlConnectionStringBuilder(database.ConnectionString) { SearchPath = schema }.ConnectionString;
        await using var one = ExactProcess.Serve(In("one"), Scenario.Settings("slow", "5"));
        await one.WaitForLogAsync("Slow (");

        await using var two = ExactProcess.Serve(In("two")); // while the other one holds its lock
        await two.WaitUntilReadyAsync();

        Assert.Equal(
            "one two",
            await database.ScalarAsync<string>(
                "SELECT string_agg(schemaname, ' ' ORDER BY schemaname) FROM pg_tables WHERE tablename = 'challenges'"
            )
        );
    }

    [Fact]
    public async Task A_migration_that_could_be_half_applied_is_refused_before_it_starts()
    {
        await using var database = new MigratedDatabase(template);
        await database.InitializeAsync();
        await using var replica = ExactProcess.Serve(database.ConnectionString, Scenario.Settings("mixed"));

        Assert.Equal(1, await replica.WaitForExitAsync());

        Assert.Null(await database.ScalarAsync<string>("SELECT to_regclass('mixed')::text"));
    }

    [Fact]
    public async Task A_full_disk_ends_the_process_with_its_cause_and_the_next_start_continues_once_there_is_space()
    {
        await using var server = await OwnServer.StartNewAsync();
        await using var disk = await SmallDisk.MountAsync(server, megabytes: 40);
        await using (var superuser = NpgsqlDataSource.Create(server.ConnectionStringOf("postgres")))
        {
            await using var tablespace = superuser.CreateCommand($"CREATE TABLESPACE small LOCATION '{disk.Path}'");
            await tablespace.ExecuteNonQueryAsync(CancellationToken);
            await using var database = superuser.CreateCommand("CREATE DATABASE exact TABLESPACE small");
            await database.ExecuteNonQueryAsync(CancellationToken);
        }

        await using (var refused = ExactProcess.Serve(server.ConnectionString, Scenario.Settings("big")))
        {
            Assert.Equal(1, await refused.WaitForExitAsync());
            Assert.Contains("No space left on device", refused.Log.Split('\n')[^1]);
            Assert.DoesNotContain("Trying the migration again", refused.Log);
        }

        await disk.GrowAsync(megabytes: 400);
        await using var next = ExactProcess.Serve(server.ConnectionString, Scenario.Settings("big"));
        await next.WaitUntilReadyAsync();
    }
}
