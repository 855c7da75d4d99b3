using Exact.Tests.Support;
using Exact.Tests.Support.TestMigrations;

namespace Exact.Tests.Migrating;

/// <summary>Many processes at once, counted by what the migrations did and not by what the history says.</summary>
public sealed class ReplicaTests
{
    private const string History = "SELECT count(*) FROM \"__EFMigrationsHistory\"";

    [Fact]
    public async Task Eight_replicas_on_a_missing_database_apply_each_migration_once()
    {
        await using var database = new MissingDatabase();
        await database.InitializeAsync();
        await using var replicas = Replicas.Start(
            8,
            database.ConnectionString,
            Scenario.Settings("ledger+seed", "0.05")
        );

        await replicas.WaitUntilReadyAsync();

        Assert.Equal("1:1 2:1 3:1 4:1 5:1", await Replicas.LedgerAsync(database));
        Assert.Equal(1, await database.ScalarAsync<long>("SELECT count(*) FROM seeds"));
        Assert.Equal(5, await database.ScalarAsync<long>($"{History} WHERE migration_id LIKE '%Ledger%'"));
        Assert.Equal(
            "UTF8 C",
            await database.ScalarAsync<string>(
                "SELECT pg_encoding_to_char(encoding) || ' ' || datcollate FROM pg_database WHERE datname = current_database()"
            )
        );
    }

    [Fact]
    public async Task A_migration_that_fails_ends_the_process_and_its_cause_is_the_last_line_of_the_log()
    {
        await using var database = new MissingDatabase();
        await database.InitializeAsync();
        await using var replica = ExactProcess.Serve(database.ConnectionString, Scenario.Settings("ledger+failing"));

        Assert.Equal(1, await replica.WaitForExitAsync());

        Assert.Contains("column \"no_such_column\" does not exist", replica.Log.Split('\n')[^1]);
        Assert.Equal(5, await database.ScalarAsync<long>("SELECT count(*) FROM ledger"));
        Assert.Null(await database.ScalarAsync<string>("SELECT to_regclass('half_done')::text"));
        Assert.StartsWith(
            "20990101000006_Failing: ",
            await database.ScalarAsync<string>("SELECT error FROM operations WHERE state = 'failed'")
        );
    }

    [Fact]
    public async Task A_wrong_password_ends_the_process_at_once_and_is_named()
    {
        await using var database = new MissingDatabase();
        await database.InitializeAsync();
        var wrong = new Npgsql.NpgsqlConnectionStringBuilder(database.ConnectionString) { Password = "wrong" };
        await using var replica = ExactProcess.Serve(wrong.ConnectionString);

        Assert.Equal(1, await replica.WaitForExitAsync());

        Assert.Contains("password authentication failed", replica.Log.Split('\n')[^1]);
    }

    [Fact]
    public async Task A_role_that_may_not_create_the_missing_database_is_told_what_to_do()
    {
        await using var database = new MissingDatabase();
        await database.InitializeAsync();
        await using var role = await TestRole.CreateAsync();
        await using var replica = ExactProcess.Serve(role.ConnectionString(database.Name));

        Assert.Equal(1, await replica.WaitForExitAsync());

        Assert.Contains(
            "Create the database, owned by that role, or grant the role CREATEDB",
            replica.Log.Split('\n')[^1]
        );
    }
}
