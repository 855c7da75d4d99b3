using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Exact.Infrastructure.Migrating;
using Exact.Tests.Support;
using Exact.Tests.Support.TestMigrations;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using static Exact.Tests.Support.ExactServices;

namespace Exact.Tests.Migrating;

/// <summary>Databases, servers and roles that cannot be migrated, or need not be.</summary>
public sealed class FitnessTests(MigratedTemplate template)
{
    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("Apply")]
    [InlineData("Check")]
    public async Task A_role_that_may_only_read_is_refused_with_the_rights_that_it_needs(string onStartup)
    {
        await using var database = new MigratedDatabase(template);
        await database.InitializeAsync();
        await using var role = await TestRole.CreateAsync();
        await database.ExecuteAsync($"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role.Name}");
        await using var refused = ExactProcess.Serve(role.ConnectionString(database.Name), OnStartup(onStartup));

        Assert.Equal(1, await refused.WaitForExitAsync());

        Assert.Contains("GRANT INSERT, UPDATE, DELETE ON ", refused.Log.Split('\n')[^1]);
        await database.ExecuteAsync($"DROP OWNED BY {role.Name}");
    }

    [Fact]
    public async Task A_migrator_that_may_only_read_is_enough_when_nothing_is_pending()
    {
        await using var database = new MigratedDatabase(template);
        await database.InitializeAsync();
        await using var role = await TestRole.CreateAsync();
        await database.ExecuteAsync($"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role.Name}");
        await using var services = ServicesOf(role.ConnectionString(database.Name));

        Assert.Empty(await MigrateAsync(services));

        await database.ExecuteAsync($"DROP OWNED BY {role.Name}");
    }

    [Fact]
    public async Task An_application_with_a_wrong_password_is_refused_even_if_the_migrator_has_the_right_one()
    {
        await using var database = new MigratedDatabase(template);
        await database.InitializeAsync();
        var wrong = new NpgsqlConnectionStringBuilder(database.ConnectionString) { Password = "wrong" };
        await using var refused = ExactProcess.Serve(
            wrong.ConnectionString,
            new Dictionary<string, string> { ["ConnectionStrings__ExactMigrator"] = database.ConnectionString }
        );

        Assert.Equal(1, await refused.WaitForExitAsync());

        var last = refused.Log.Split('\n')[^1];
        Assert.Contains("password authentication failed", last);
        Assert.EndsWith("Check the role and the password in ConnectionStrings__Exact.", last);
    }

    [Fact]
    public async Task A_wrong_password_of_the_migrator_is_named_with_its_own_setting()
    {
        await using var database = new MigratedDatabase(template);
        await database.InitializeAsync();
        var wrong = new NpgsqlConnectionStringBuilder(database.ConnectionString) { Password = "wrong" };
        await using var services = ServicesOf(
            database.ConnectionString,
            new() { ["ConnectionStrings:ExactMigrator"] = wrong.ConnectionString }
        );

        var refused = await Assert.ThrowsAsync<MigrationRefusedException>(() => MigrateAsync(services));

        Assert.EndsWith("Check the role and the password in ConnectionStrings__ExactMigrator.", refused.Message);
    }

    [Fact]
    public async Task An_application_that_looks_elsewhere_than_the_migrator_is_refused()
    {
        await using var database = new TestDatabase();
        await database.InitializeAsync();
        await database.ExecuteAsync("CREATE SCHEMA elsewhere");
        await using var refused = ExactProcess.Serve(
            $"{database.ConnectionString};Search Path=elsewhere",
            new Dictionary<string, string> { ["ConnectionStrings__ExactMigrator"] = database.ConnectionString }
        );

        Assert.Equal(1, await refused.WaitForExitAsync());

        Assert.Contains("not where ConnectionStrings__Exact leads", refused.Log.Split('\n')[^1]);
        Assert.Contains("in schema elsewhere of database", refused.Log.Split('\n')[^1]);
    }

    [Fact]
    public async Task A_service_that_waits_for_migrations_waits_for_its_rights_too()
    {
        await using var database = new TestDatabase();
        await database.InitializeAsync();
        await using var role = await TestRole.CreateAsync();
        await using var replica = ExactProcess.Serve(role.ConnectionString(database.Name), OnStartup("Check"));
        await replica.WaitForLogAsync("Waiting for someone to apply");
        await using (var migrate = await ExactProcess.RunAsync(database.ConnectionString, "migrate"))
        {
            Assert.Equal(0, await migrate.WaitForExitAsync());
        }

        await replica.WaitForLogAsync("Waiting for someone to grant rights");
        await database.ExecuteAsync(
            $"""
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role.Name};
            GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {role.Name};
            """
        );

        await replica.WaitUntilReadyAsync();
        await database.ExecuteAsync($"DROP OWNED BY {role.Name}");
    }

    [Theory]
    [InlineData("LATIN1")]
    [InlineData("SQL_ASCII")]
    public async Task A_database_that_cannot_hold_every_character_is_refused_before_anything_is_created(string encoding)
    {
        await using var database = new MissingDatabase();
        await database.InitializeAsync();
        await TestDatabase.ExecuteOnServerAsync(
            $"CREATE DATABASE {database.Name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'"
        );
        await using var services = ServicesOf(database.ConnectionString);

        var refused = await Assert.ThrowsAsync<MigrationRefusedException>(() => MigrateAsync(services));

        Assert.Contains($"has the encoding {encoding}", refused.Message);
        Assert.Contains("ENCODING 'UTF8'", refused.Message);
        Assert.Equal(0, await database.ScalarAsync<long>("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"));
    }

    [Fact]
    public async Task Tables_of_another_owner_are_refused_with_the_SQL_that_hands_them_over()
    {
        await using var database = new TestDatabase();
        await database.InitializeAsync();
        await database.MigrateToFirstAsync();
        await using var role = await TestRole.CreateAsync();
        await database.ExecuteAsync(
            $"""
            GRANT ALL ON ALL TABLES IN SCHEMA public TO {role.Name};
            GRANT ALL ON SCHEMA public TO {role.Name};
            """
        );
        await using var services = ServicesOf(role.ConnectionString(database.Name));

        var refused = await Assert.ThrowsAsync<MigrationRefusedException>(() => MigrateAsync(services));

        var owner = await database.ScalarAsync<string>("SELECT quote_ident(current_user)");
        Assert.Contains($"owner: {owner}.", refused.Message);
        Assert.Contains($"ALTER TABLE operations OWNER TO {role.Name};", refused.Message);
        await database.ExecuteAsync(refused.Message.Split("run: ")[1]);
        Assert.NotEmpty(await MigrateAsync(services));
        await database.ExecuteAsync($"DROP OWNED BY {role.Name}");
    }

    [Theory]
    [InlineData("ALTER DATABASE {0} SET default_transaction_read_only = on", "ALTER DATABASE {0} RESET")]
    [InlineData("ALTER ROLE {1} SET default_transaction_read_only = on", "ALTER ROLE {1} RESET")]
    public async Task A_read_only_database_with_pending_migrations_is_refused_with_the_way_out(string set, string reset)
    {
        await using var database = new TestDatabase();
        await database.InitializeAsync();
        await using var role = await TestRole.CreateAsync();
        string Named(string sql) => sql.Replace("{0}", database.Name).Replace("{1}", role.Name);
        await database.ExecuteAsync(Named(set));
        await using var services = ServicesOf(role.ConnectionString(database.Name));

        var refused = await Assert.ThrowsAsync<MigrationRefusedException>(() => MigrateAsync(services));

        Assert.EndsWith($"Run: {Named(reset)} default_transaction_read_only;", refused.Message);
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

        Assert.Contains("Permission denied for schema public", replica.Log.Split('\n')[^1]);
        Assert.EndsWith($"run: GRANT CREATE ON SCHEMA public TO {role.Name};", replica.Log);
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
    public async Task A_standby_serves_reads_when_nothing_is_pending_and_is_refused_otherwise()
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
        await replica.WaitUntilReadyAsync();
        Assert.Equal(HttpStatusCode.OK, await replica.StatusOfAsync("/api/challenges"));
        var status = await replica.Client.GetFromJsonAsync<JsonElement>("/api/admin/migrations", CancellationToken);
        Assert.Equal("current", status.GetProperty("state").GetString());

        await using var newer = ExactProcess.Serve(server.ConnectionString, Scenario.Settings("alter"));
        Assert.Equal(1, await newer.WaitForExitAsync());
        Assert.Contains("is a standby and cannot be written to", newer.Log.Split('\n')[^1]);
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

    private static Dictionary<string, string> OnStartup(string action) => new() { ["Migrations__OnStartup"] = action };

    private static Task<IReadOnlyList<string>> MigrateAsync(ServiceProvider services) =>
        services.GetRequiredService<DatabaseMigrator>().MigrateAsync("test", CancellationToken);
}
