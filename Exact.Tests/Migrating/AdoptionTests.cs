using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Migrating.Drift;
using Exact.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using static Exact.Tests.Support.ExactServices;

namespace Exact.Tests.Migrating;

/// <summary>
/// Tables without a history are refused at the start, and adopted if they match the model.
/// </summary>
public sealed class AdoptionTests(MigratedTemplate template)
{
    private const string History = "\"__EFMigrationsHistory\"";

    [Fact]
    public async Task A_start_is_refused_with_the_command_that_adopts_and_changes_nothing()
    {
        await using var database = await UnrecordedAsync();
        await using var replica = ExactProcess.Serve(database.ConnectionString);

        Assert.Equal(1, await replica.WaitForExitAsync());

        var last = replica.Log.Split('\n')[^1];
        Assert.Matches($"Exact ends: Database \"{database.Name}\" has (\\d+) of the \\1 tables", last);
        Assert.Contains("run the command \"migrate --adopt\"", last);
        Assert.DoesNotContain(PostgresErrorCodes.DuplicateTable, replica.Log);
        Assert.Null(await database.ScalarAsync<string>($"SELECT to_regclass('{History}')::text"));
        Assert.Equal(0, await database.ScalarAsync<long>("SELECT count(*) FROM operations"));
    }

    [Fact]
    public async Task The_command_records_the_migrations_and_the_next_start_is_ready()
    {
        await using var database = await UnrecordedAsync();
        await using var adopt = await ExactProcess.RunAsync(database.ConnectionString, "migrate", "--adopt");
        Assert.True(await adopt.WaitForExitAsync() == 0, adopt.Log);
        await using var replica = ExactProcess.Serve(database.ConnectionString);

        await replica.WaitUntilReadyAsync();

        Assert.Contains("_Initial", adopt.Output);
        Assert.EndsWith("recorded as applied.", adopt.Log);
        Assert.StartsWith("exact ", await database.ScalarAsync<string>($"SELECT applied_by FROM {History}"));
        Assert.NotEmpty(await database.ScalarAsync<string>($"SELECT hash FROM {History}") ?? "");
        Assert.Equal(
            "command-line succeeded true",
            await database.ScalarAsync<string>(
                "SELECT concat_ws(' ', actor, state, figures ->> 'adopted') FROM operations WHERE kind = 'migration'"
            )
        );
    }

    [Fact]
    public async Task A_database_that_differs_is_refused_with_the_differences_and_left_as_it_is()
    {
        await using var database = await UnrecordedAsync();
        await database.ExecuteAsync(
            "DROP INDEX ix_scores_challenge_id_id; ALTER TABLE scores ALTER emd_score TYPE real"
        );
        await using var adopt = await ExactProcess.RunAsync(database.ConnectionString, "migrate", "--adopt");

        Assert.Equal(1, await adopt.WaitForExitAsync());

        Assert.Equal("", adopt.Output);
        Assert.Contains("missing index ix_scores_challenge_id_id: expected on scores", adopt.Log);
        Assert.Contains("different column scores.emd_score: type: expected double precision, found real", adopt.Log);
        Assert.EndsWith("Not adopted, nothing was changed. Differences: 2.", adopt.Log);
        Assert.Null(await database.ScalarAsync<string>($"SELECT to_regclass('{History}')::text"));
        Assert.Equal(0, await database.ScalarAsync<long>("SELECT count(*) FROM operations"));
    }

    [Fact]
    public async Task Harmless_differences_do_not_prevent_an_adoption()
    {
        await using var database = await UnrecordedAsync();
        await database.ExecuteAsync("CREATE TABLE mine (id int); CREATE INDEX also_mine ON scores (method_name)");

        var adoption = await AdoptAsync(database);

        Assert.NotEmpty(adoption.Recorded);
        Assert.Empty(adoption.Differences);
    }

    [Fact]
    public async Task An_empty_history_is_filled()
    {
        await using var database = new MigratedDatabase(template);
        await database.InitializeAsync();
        await database.ExecuteAsync($"DELETE FROM {History}");

        await AdoptAsync(database);

        Assert.Equal(MigrationState.Current, (await StatusOf(database)).State);
    }

    [Fact]
    public async Task Only_one_of_two_concurrent_adoptions_records_the_migrations()
    {
        await using var database = await UnrecordedAsync();

        var adoptions = await Task.WhenAll(AdoptAsync(database), AdoptAsync(database));

        Assert.Single(adoptions, adoption => adoption.Recorded.Count > 0);
        Assert.All(adoptions, adoption => Assert.Empty(adoption.Differences));
        Assert.Equal(1, await database.ScalarAsync<long>("SELECT count(*) FROM operations WHERE kind = 'migration'"));
    }

    [Fact]
    public async Task Tables_of_another_application_neither_block_a_migration_nor_are_adopted()
    {
        await using var database = new TestDatabase();
        await database.InitializeAsync();
        await database.ExecuteAsync("CREATE TABLE projects (id int)");

        var refused = await Assert.ThrowsAsync<MigrationRefusedException>(() => AdoptAsync(database));
        await using var migrate = await ExactProcess.RunAsync(database.ConnectionString, "migrate");

        Assert.Contains("has none of Exact's tables, so there is nothing to adopt", refused.Message);
        Assert.Equal(0, await migrate.WaitForExitAsync());
        Assert.Equal("table projects", Assert.Single((await StatusOf(database)).Drift!).Subject);
    }

    [Fact]
    public async Task A_table_of_another_application_with_the_same_name_is_reported_and_left_alone()
    {
        await using var database = new TestDatabase();
        await database.InitializeAsync();
        await database.ExecuteAsync("CREATE TABLE users (id int)");
        await using var services = ServicesOf(database.ConnectionString);
        var migrator = services.GetRequiredService<DatabaseMigrator>();

        var refused = await Assert.ThrowsAsync<MigrationRefusedException>(() =>
            migrator.MigrateAsync("test", TestContext.Current.CancellationToken)
        );
        var adoption = await AdoptAsync(database);

        Assert.Matches(@"has 1 of the \d+ tables that the migrations would create \(users\)", refused.Message);
        Assert.Contains("give Exact a database of its own", refused.Message);
        Assert.Contains(
            adoption.Differences,
            finding => finding is { Kind: DriftKind.Missing, Subject: "table scores" }
        );
        Assert.Contains(refused.Message, (await StatusOf(database)).Detail);
    }

    [Fact]
    public async Task A_database_with_a_history_has_nothing_to_adopt()
    {
        await using var database = new MigratedDatabase(template);
        await database.InitializeAsync();
        var adopted = await AdoptAsync(database);
        await database.ExecuteAsync(
            $"UPDATE {History} SET migration_id = '20200101000000_Older' WHERE migration_id LIKE '%_Initial'"
        );
        var refused = await Assert.ThrowsAsync<MigrationRefusedException>(() => AdoptAsync(database));

        Assert.Equal(([], []), (adopted.Recorded, adopted.Differences));
        Assert.Contains("has a history of migrations, so there is nothing to adopt", refused.Message);
    }

    [Fact]
    public async Task A_missing_database_is_not_created_for_an_adoption()
    {
        await using var database = new MissingDatabase();
        await database.InitializeAsync();

        await using var adopt = await ExactProcess.RunAsync(database.ConnectionString, "migrate", "--adopt");

        Assert.Equal(1, await adopt.WaitForExitAsync());
        Assert.Contains($"database \"{database.Name}\" does not exist", adopt.Log);
    }

    /// <summary>A database with Exact's tables but no history.</summary>
    private async Task<MigratedDatabase> UnrecordedAsync()
    {
        var database = new MigratedDatabase(template);
        await database.InitializeAsync();
        await database.ExecuteAsync($"DROP TABLE {History}");
        return database;
    }

    private static async Task<Adoption> AdoptAsync(TestDatabase database)
    {
        await using var services = ServicesOf(database.ConnectionString);
        return await services.GetRequiredService<SchemaAdoption>().AdoptAsync("test", default);
    }

    private static async Task<MigrationStatus> StatusOf(TestDatabase database)
    {
        await using var services = ServicesOf(database.ConnectionString);
        return await services
            .GetRequiredService<MigrationStatusReader>()
            .ReadAsync(MigrationStatusReader.InFull, default);
    }
}
