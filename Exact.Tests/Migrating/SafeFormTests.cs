using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating.Linting;
using Exact.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.EntityFrameworkCore.Migrations.Operations;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Exact.Tests.Migrating;

/// <summary>What the linter claims about PostgreSQL, asked of PostgreSQL.</summary>
public sealed class SafeFormTests(MigratedTemplate template)
{
    public static TheoryData<string> RulesWithMigrations =>
        [.. LintCase.All.Where(lintCase => SafeForms(lintCase).Any()).Select(lintCase => lintCase.Rule)];

    public static TheoryData<string> RulesWithTheSameEnd =>
        [.. LintCase.All.Where(lintCase => lintCase.SameEnd).Select(lintCase => lintCase.Rule)];

    public static TheoryData<string> RulesWithProof =>
        [.. LintCase.All.Where(lintCase => lintCase.Proof is not null).Select(lintCase => lintCase.Rule)];

    [Theory]
    [MemberData(nameof(RulesWithMigrations))]
    public async Task A_safe_form_runs_and_rewrites_no_table_and_reads_it_only_to_validate(string rule)
    {
        await using var database = await CreateDatabaseAsync();
        var before = await FileNodesAsync(database);

        foreach (var migration in SafeForms(MigrationLinterTests.Case(rule)))
        {
            var said = await RunAsync(database, migration.Operations);

            Assert.DoesNotContain(said, message => message.StartsWith("rewriting table", StringComparison.Ordinal));
            if (!migration.Operations.OfType<SqlOperation>().Any(sql => sql.Sql.Contains("VALIDATE CONSTRAINT")))
            {
                Assert.DoesNotContain(said, message => message.StartsWith('v')); // verifying, validating
            }
        }

        var after = await FileNodesAsync(database);
        Assert.All(
            before,
            table => Assert.True(!after.ContainsKey(table.Key) || after[table.Key] == table.Value, table.Key)
        );
    }

    [Theory]
    [MemberData(nameof(RulesWithTheSameEnd))]
    public async Task A_safe_form_ends_where_the_unsafe_migration_would_have(string rule)
    {
        var lintCase = MigrationLinterTests.Case(rule);
        await using var safe = await CreateDatabaseAsync();
        await using var @unsafe = await CreateDatabaseAsync();

        foreach (var migration in SafeForms(lintCase))
        {
            await RunAsync(safe, migration.Operations);
        }

        await RunAsync(@unsafe, lintCase.Broken.Operations);
        Assert.Equal(await Catalog.ReadAsync(@unsafe), await Catalog.ReadAsync(safe));
    }

    [Theory]
    [MemberData(nameof(RulesWithProof))]
    public async Task What_a_rule_calls_a_rewrite_or_a_scan_is_one(string rule)
    {
        var lintCase = MigrationLinterTests.Case(rule);
        await using var database = await CreateDatabaseAsync();

        var said = await RunAsync(database, lintCase.Broken.Operations);

        Assert.Contains(said, message => message.StartsWith(lintCase.Proof!, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("adding-foreign-key-constraint", "UPDATE operations SET actor = ''")]
    [InlineData("constraint-missing-not-valid", "UPDATE scores SET score = 1 WHERE id = 1")]
    public async Task A_writer_waits_for_the_unsafe_migration_and_not_for_the_validation(string rule, string write)
    {
        var lintCase = MigrationLinterTests.Case(rule);
        var safe = SafeForms(lintCase).ToList();
        await using var database = await CreateDatabaseAsync();

        Assert.Equal(
            PostgresErrorCodes.LockNotAvailable,
            await WriteDuringAsync(database, lintCase.Broken.Operations, write)
        );
        await RunAsync(database, safe[0].Operations);
        Assert.Null(await WriteDuringAsync(database, safe[1].Operations, write));
    }

    [Fact]
    public async Task A_column_that_changes_its_type_is_the_same_in_both_columns_while_two_releases_write()
    {
        await using var database = await CreateDatabaseAsync();
        var safe = SafeForms(MigrationLinterTests.Case("changing-column-type")).ToList();
        foreach (var migration in safe.SkipLast(1)) // the last takes the old column away
        {
            await RunAsync(database, migration.Operations);
        }

        await database.ExecuteAsync("UPDATE users SET first_name = 'untouched'");
        Assert.Equal("3 3", await BothAsync(database));
        await database.ExecuteAsync("UPDATE users SET access_failed_count = 4");
        Assert.Equal("4 4", await BothAsync(database));
        await database.ExecuteAsync("UPDATE users SET access_failed_count_new = 5");
        Assert.Equal("5 5", await BothAsync(database));
    }

    [Fact]
    public async Task Every_row_is_filled_in_batches()
    {
        await using var database = await CreateDatabaseAsync();

        foreach (var migration in SafeForms(MigrationLinterTests.Case("unbatched-backfill")))
        {
            await RunAsync(database, migration.Operations);
        }

        Assert.Equal(
            300,
            await database.ScalarAsync<long>("SELECT count(*) FROM scores WHERE method_name = 'none; or null'")
        );
    }

    private static IEnumerable<SafeMigration> SafeForms(LintCase lintCase) =>
        MigrationLinter.Lint(lintCase.Broken).First(finding => finding.Rule == lintCase.Rule).SafeForm.Migrations;

    private static Task<string?> BothAsync(TestDatabase database) =>
        database.ScalarAsync<string>("SELECT access_failed_count || ' ' || access_failed_count_new FROM users");

    private async Task<MigratedDatabase> CreateDatabaseAsync()
    {
        var database = new MigratedDatabase(template);
        await database.InitializeAsync();
        await database.ExecuteAsync(LintCase.Setting);
        return database;
    }

    private static async Task<Dictionary<string, long>> FileNodesAsync(TestDatabase database)
    {
        var nodes = new Dictionary<string, long>();
        await using var command = database.DataSource.CreateCommand(
            "SELECT relname, relfilenode::bigint FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        );
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            nodes.Add(reader.GetString(0), reader.GetInt64(1));
        }

        return nodes;
    }

    /// <summary>
    /// Runs one migration's operations as EF Core runs them, and returns what the server said meanwhile.
    /// </summary>
    private static async Task<List<string>> RunAsync(
        TestDatabase database,
        IReadOnlyList<MigrationOperation> operations
    )
    {
        var said = new List<string>();
        await using var connection = new NpgsqlConnection(
            $"{database.ConnectionString};Pooling=false;Options=-c client_min_messages=debug1"
        );
        connection.Notice += (_, notice) => said.Add(notice.Notice.MessageText);
        await using var context = MigratedTemplate.CreateContext(database.ConnectionString);
        context.Database.SetDbConnection(connection);
        await context
            .GetService<IMigrationCommandExecutor>()
            .ExecuteNonQueryAsync(Commands(context, operations), context.GetService<IRelationalConnection>());
        return said;
    }

    /// <summary>
    /// Whether another session may write while a migration is not yet committed: null, or the error that says no.
    /// </summary>
    private static async Task<string?> WriteDuringAsync(
        TestDatabase database,
        IReadOnlyList<MigrationOperation> operations,
        string write
    )
    {
        await using var context = MigratedTemplate.CreateContext(database.ConnectionString);
        await using var transaction = await context.Database.BeginTransactionAsync();
        await context
            .GetService<IMigrationCommandExecutor>()
            .ExecuteNonQueryAsync(Commands(context, operations), context.GetService<IRelationalConnection>());
        try
        {
            await database.ExecuteAsync($"SET lock_timeout = '100ms'; {write}");
            return null;
        }
        catch (PostgresException e)
        {
            return e.SqlState;
        }
    }

    private static IReadOnlyList<MigrationCommand> Commands(
        ExactDbContext context,
        IReadOnlyList<MigrationOperation> operations
    ) => context.GetService<IMigrationsSqlGenerator>().Generate(operations);
}
