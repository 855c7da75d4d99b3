using Exact.Infrastructure.Migrating;
using Exact.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Exact.Tests.Scripts;

/// <summary>
/// What the platform's users have read about setting up their database: each sentence that says what happens, with Exact's commands.
/// docs/database-setup.md says the same in its own words.
/// </summary>
public sealed class DatabaseGuideTests(MigratedDatabase fresh, MigratedTemplate template)
    : IClassFixture<MigratedDatabase>
{
    [Fact]
    public async Task This_gets_done_automatically_when_you_run_docker_compose_up()
    {
        var entryPoint = "ENTRYPOINT [\"dotnet\", \"Exact.Api.dll\"]"; // so that to serve is what the container does
        Assert.Contains(entryPoint, await ReadAsync("Dockerfile"));
        Assert.DoesNotContain("command: [", (await ReadAsync("docker-compose.yml")).Split("\n  api:")[1]);
        await using var database = new MissingDatabase();
        await database.InitializeAsync();

        await using var service = ExactProcess.Serve(database.ConnectionString);
        await service.WaitUntilReadyAsync();

        Assert.Equal(await Catalog.ReadAsync(fresh), await Catalog.ReadAsync(database));
    }

    [Fact]
    public async Task Migrate_reads_all_the_blueprint_files_in_the_correct_order_and_builds_the_structure_from_scratch()
    {
        await using var database = new MissingDatabase();
        await database.InitializeAsync();

        await using var migrate = await ExactProcess.RunAsync(database.ConnectionString, "migrate");

        Assert.Equal(Migrations, migrate.Output.Split('\n'));
        Assert.Equal(await Catalog.ReadAsync(fresh), await Catalog.ReadAsync(database));
    }

    [Fact]
    public async Task On_an_existing_database_migrate_applies_only_the_new_blueprints()
    {
        await using var database = await OlderDatabaseAsync();

        await using var migrate = await ExactProcess.RunAsync(database.ConnectionString, "migrate");

        Assert.Equal(Migrations.Skip(1), migrate.Output.Split('\n'));
    }

    [Fact]
    public async Task Rebuild_database_on_an_empty_database_creates_the_entire_table_structure()
    {
        await using var database = new TestDatabase();
        await database.InitializeAsync();
        using var checkout = new Checkout(database);

        await checkout.SucceedAsync("./rebuild_database.sh");

        Assert.Equal(await Catalog.ReadAsync(fresh), await Catalog.ReadAsync(database));
    }

    [Fact]
    public async Task Rebuild_database_on_an_existing_database_applies_new_migrations_and_deletes_no_data()
    {
        await using var database = await OlderDatabaseAsync();
        using var checkout = new Checkout(database);

        var (output, errors) = await checkout.SucceedAsync("./rebuild_database.sh");

        Assert.Equal(Migrations.Skip(1), output.TrimEnd().Split('\n'));
        Assert.EndsWith($"Applied {Migrations.Count - 1}; the database is up to date.\n", errors);
        Assert.Equal(await Catalog.ReadAsync(fresh), await Catalog.ReadAsync(database));
        Assert.Equal("kept", await database.ScalarAsync<string>("SELECT title FROM challenges"));
    }

    [Fact]
    public async Task If_your_database_is_already_up_to_date_rebuild_database_does_nothing()
    {
        await using var database = await FilledDatabaseAsync();
        using var checkout = new Checkout(database);
        const string State = """
            SELECT (SELECT string_agg(o::text, ' ' ORDER BY o.id) FROM operations o) || (SELECT string_agg(c::text || c.xmin, ' ') FROM challenges c)
            """;
        var before = await database.ScalarAsync<string>(State);

        var (output, errors) = await checkout.SucceedAsync("./rebuild_database.sh");

        Assert.Equal("", output);
        Assert.EndsWith("The database is up to date; nothing was changed.\n", errors);
        Assert.NotNull(before);
        Assert.Equal(before, await database.ScalarAsync<string>(State));
    }

    [Theory]
    [InlineData("damaged.json")]
    [InlineData("--yes")]
    public async Task Rebuild_database_is_safe_to_run_whatever_it_is_given(string argument)
    {
        await using var database = await FilledDatabaseAsync();
        using var checkout = new Checkout(database);
        await File.WriteAllTextAsync(checkout.PathOf("damaged.json"), "[{", TestContext.Current.CancellationToken);

        var errors = await checkout.FailAsync($"./rebuild_database.sh {argument}", code: 2);

        Assert.Contains("nothing was changed", errors);
        Assert.Equal(2, await database.ScalarAsync<long>("SELECT count(*) FROM challenges"));
    }

    [Fact]
    public async Task Rebuild_database_executes_migrate_inside_the_backend_container()
    {
        await using var database = await FilledDatabaseAsync();
        using var checkout = new Checkout(database);
        checkout.PutEngineFirst();

        await checkout.SucceedAsync("./rebuild_database.sh");

        Assert.Equal("compose exec -T api dotnet Exact.Api.dll migrate", checkout.EngineLog[^1]);
        Assert.DoesNotContain("compose up --build --detach --wait api", checkout.EngineLog);
    }

    [Fact]
    public async Task Rebuild_database_applies_migrations_that_have_been_added_to_the_code_since_the_container_was_built()
    {
        await using var database = await FilledDatabaseAsync();
        using var checkout = new Checkout(database);
        checkout.PutEngineFirst();
        var migrations = Directory.CreateDirectory(checkout.PathOf("Exact.Infrastructure/Database/Migrations"));
        foreach (var name in Migrations.Append("29991231235959_AddTheThing"))
        {
            await File.WriteAllTextAsync(
                Path.Combine(migrations.FullName, $"{name}.cs"),
                "",
                TestContext.Current.CancellationToken
            );
        }

        var (_, errors) = await checkout.SucceedAsync("./rebuild_database.sh");

        Assert.Contains("before this was added: 29991231235959_AddTheThing.", errors);
        Assert.Equal("compose up --build --detach --wait api", checkout.EngineLog[^2]);
    }

    [Fact]
    public async Task Running_backup_and_restore_creates_a_db_backup_json_file()
    {
        await using var database = await FilledDatabaseAsync();
        using var checkout = new Checkout(database);

        await checkout.SucceedAsync("./backup_and_restore.sh");

        var backup = await File.ReadAllTextAsync(
            checkout.PathOf("db_backup.json"),
            TestContext.Current.CancellationToken
        );
        await using var export = await ExactProcess.RunAsync(database.ConnectionString, "export");
        Assert.Equal(export.Output, backup.TrimEnd('\n'));
        var copy = Assert.Single(Directory.GetFiles(checkout.PathOf("backups"), "exact-*.json"));
        Assert.Equal(backup, await File.ReadAllTextAsync(copy, TestContext.Current.CancellationToken));
        Assert.Equal("600", await checkout.ModeOfAsync("db_backup.json"));
    }

    [Fact]
    public async Task Loaddata_loads_all_the_data_from_the_json_file_into_your_newly_structured_database()
    {
        await using var old = await FilledDatabaseAsync();
        await using var database = new TestDatabase();
        await database.InitializeAsync();
        using var here = new Checkout(old);
        using var there = new Checkout(database);
        await here.SucceedAsync("./backup_and_restore.sh");
        File.Copy(here.PathOf("db_backup.json"), there.PathOf("db_backup.json")); // scp
        await there.SucceedAsync("./rebuild_database.sh");

        await there.SucceedAsync("$EXACT loaddata db_backup.json");

        Assert.Equal(await ExportAsync(old), await ExportAsync(database));
    }

    [Fact]
    public async Task In_the_container_loaddata_finds_the_db_backup_json_that_the_script_handed_it()
    {
        await using var old = await FilledDatabaseAsync();
        await using var database = new TestDatabase();
        await database.InitializeAsync();
        using var checkout = new Checkout(old);
        checkout.PutEngineFirst();
        await checkout.SucceedAsync("./backup_and_restore.sh");
        using var container = new Checkout(database);
        container["Transfers__FixtureFolder"] = checkout.PathOf("backups/shared"); // as docker-compose.yml mounts it

        await container.SucceedAsync("$EXACT loaddata db_backup.json");

        Assert.Equal(await ExportAsync(old), await ExportAsync(database));
        // The container's account is another one; this host's other accounts stop at the folder above.
        Assert.Equal("644", await checkout.ModeOfAsync("backups/shared/db_backup.json"));
        Assert.Equal("700", await checkout.ModeOfAsync("backups"));
        var compose = await ReadAsync("docker-compose.yml");
        Assert.Contains("./backups/shared:/backups/shared:ro", compose);
        Assert.Contains("Transfers__FixtureFolder: /backups/shared", compose);
    }

    private static IReadOnlyList<string> Migrations
    {
        get
        {
            using var context = new DesignTimeContext().CreateDbContext([]);
            return [.. context.Database.GetMigrations()];
        }
    }

    /// <summary>As the first version left it, with a challenge.</summary>
    private static async Task<TestDatabase> OlderDatabaseAsync()
    {
        var database = new TestDatabase();
        await database.InitializeAsync();
        await using (var context = MigratedTemplate.CreateContext(database.ConnectionString))
        {
            await context.GetService<IMigrator>().MigrateAsync(Migrations[0], TestContext.Current.CancellationToken);
        }

        await database.ExecuteAsync(
            """
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            VALUES ('c1', 'kept', '', now(), 'ada')
            """
        );
        return database;
    }

    /// <summary>With the sample.</summary>
    private async Task<TestDatabase> FilledDatabaseAsync()
    {
        var database = new MigratedDatabase(template);
        await database.InitializeAsync();
        var sample = Path.Combine(Checkout.Repository, "samples", "backup.json");
        await using var import = await ExactProcess.RunAsync(database.ConnectionString, "import", sample);
        Assert.True(await import.WaitForExitAsync() == 0, import.Log);
        return database;
    }

    private static async Task<string> ExportAsync(TestDatabase database)
    {
        await using var export = await ExactProcess.RunAsync(database.ConnectionString, "export");
        Assert.Contains("tetris-saliency", export.Output);
        return export.Output;
    }

    private static Task<string> ReadAsync(string file) =>
        File.ReadAllTextAsync(Path.Combine(Checkout.Repository, file), TestContext.Current.CancellationToken);
}
