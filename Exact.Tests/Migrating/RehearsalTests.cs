using System.Text.Json;
using Exact.Api.Commands;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Migrating.Forecast;
using Exact.Infrastructure.Migrating.Rehearsing;
using Exact.Tests.Support;
using Exact.Tests.Support.TestMigrations;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using static Exact.Tests.Support.ExactServices;

namespace Exact.Tests.Migrating;

/// <summary>What an operator can know about pending migrations before they are applied.</summary>
public sealed class RehearsalTests : IAsyncLifetime
{
    private const int Scores = 500;

    private readonly TestDatabase database = new();
    private ServiceProvider services = null!;

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    private MigrationRehearsal Rehearsal => services.GetRequiredService<MigrationRehearsal>();

    public async ValueTask InitializeAsync()
    {
        await database.InitializeAsync();
        await database.MigrateToFirstAsync();
        await database.ExecuteAsync(
            $"""
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            VALUES ('digits', 'Digits', '', now(), 'ada');
            INSERT INTO scores (username, challenge_id, created_at, status, score)
            SELECT 'bob', 'digits', now(), 'completed', i FROM generate_series(1, {Scores}) i;
            CREATE TABLE notes_of_the_operator (note text);
            """
        );
        services = ServicesOf(database.ConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        await services.DisposeAsync();
        await database.DisposeAsync();
    }

    [Fact]
    public async Task A_rehearsal_migrates_a_copy_of_a_database_in_use_and_changes_nothing()
    {
        await using var user = await database.DataSource.OpenConnectionAsync(CancellationToken);
        var before = await Catalog.ReadAsync(database);
        var leftover = $"exact_rehearsal_{Guid.NewGuid():N}";
        await TestDatabase.ExecuteOnServerAsync($"CREATE DATABASE {leftover}");
        long? copied = null;

        var report = await Rehearsal.RunAsync(
            step => copied ??= step.StartsWith("Applying", StringComparison.Ordinal) ? CountScoresOfCopy() : null,
            CancellationToken
        );

        Assert.Null(report.Error);
        Assert.Equal(Scores, copied);
        Assert.Equal(["20261122201647_Initial", .. report.Migrations.Select(one => one.Id)], Migrations().ToArray());
        Assert.DoesNotContain(report.Drift, finding => !finding.Harmless);
        Assert.Contains(report.Migrations, one => one.Locks.Contains(new TableLock("operations", "ACCESS EXCLUSIVE")));
        Assert.Contains(
            report.Migrations,
            one => one.Locks.Contains(new TableLock("scores", "SHARE UPDATE EXCLUSIVE"))
        );
        Assert.Contains(report.Differences, finding => finding.Subject == "table notes_of_the_operator");
        Assert.Contains(leftover, report.DroppedLeftovers);
        Assert.Equal(before, await Catalog.ReadAsync(database));
        Assert.Empty(await RehearsalsAsync());
        Assert.EndsWith("the database itself is unchanged.", MigrationText.Of(report));
    }

    [Theory]
    [InlineData("LOCALE 'C'")]
    [InlineData("LOCALE 'C.UTF-8'")]
    [InlineData("LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'")]
    [InlineData("LOCALE 'C.UTF-8' LOCALE_PROVIDER icu ICU_LOCALE 'de'")]
    public async Task A_copy_orders_strings_as_the_original_does(string locale)
    {
        const string Locale = """
            SELECT (to_jsonb(d) - '{oid,datname,datistemplate,datallowconn,datfrozenxid,datminmxid}'::text[])::text
            FROM pg_database d WHERE datname =
            """;
        var original = $"exact_original_{Guid.NewGuid():N}";
        await TestDatabase.ExecuteOnServerAsync(
            $"CREATE DATABASE {original} TEMPLATE template0 ENCODING 'UTF8' {locale}"
        );
        try
        {
            await using var copy = await ScratchDatabase.CreateAsync(
                services.GetRequiredService<MigratorConnection>(),
                "locale",
                original,
                NullLogger.Instance,
                CancellationToken
            );

            Assert.Equal(
                await database.ScalarAsync<string>($"{Locale} '{original}'"),
                await database.ScalarAsync<string>($"{Locale} '{copy.Name}'")
            );
        }
        finally
        {
            await TestDatabase.ExecuteOnServerAsync($"DROP DATABASE {original}");
        }
    }

    [Fact]
    public async Task A_rehearsal_that_is_cancelled_leaves_no_database_behind()
    {
        using var source = CancellationTokenSource.CreateLinkedTokenSource(CancellationToken);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            Rehearsal.RunAsync(
                step =>
                {
                    if (step.StartsWith("Copying", StringComparison.Ordinal))
                    {
                        source.Cancel();
                    }
                },
                source.Token
            )
        );

        Assert.Empty(await RehearsalsAsync());
    }

    [Fact]
    public async Task A_role_that_may_not_create_databases_is_told_what_to_run()
    {
        await using var role = await TestRole.CreateAsync();
        await database.ExecuteAsync($"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role.Name}");
        await using var poor = ServicesOf(role.ConnectionString(database.Name));

        var refusal = await Assert.ThrowsAsync<MigrationRefusedException>(() =>
            poor.GetRequiredService<MigrationRehearsal>().RunAsync(_ => { }, CancellationToken)
        );
        await database.ExecuteAsync($"DROP OWNED BY {role.Name}");

        Assert.Contains($"ALTER ROLE \"{role.Name}\" CREATEDB;", refusal.Message);
    }

    [Fact]
    public async Task A_migration_that_would_fail_fails_in_the_rehearsal_and_ends_it_with_1()
    {
        var settings = Scenario.Settings("failing");

        await using var command = await ExactProcess.RunAsync(
            database.ConnectionString,
            settings,
            "migrate",
            "--rehearse",
            "--json"
        );

        Assert.Equal(1, await command.WaitForExitAsync());
        using var report = JsonDocument.Parse(command.Output);
        Assert.StartsWith(
            "20990101000006_Failing: column \"no_such_column\" does not exist",
            report.RootElement.GetProperty("error").GetString()
        );
        Assert.Empty(await RehearsalsAsync());
        Assert.Equal(1, await database.ScalarAsync<long>("SELECT count(*) FROM \"__EFMigrationsHistory\""));
    }

    [Fact]
    public async Task The_plan_names_for_each_migration_its_statements_locks_rows_and_who_is_in_the_way()
    {
        await using var reader = await database.DataSource.OpenConnectionAsync(CancellationToken);
        await using var transaction = await reader.BeginTransactionAsync(CancellationToken);
        await using (var read = new NpgsqlCommand("ANALYZE; SELECT count(*) FROM scores", reader))
        {
            await read.ExecuteNonQueryAsync(CancellationToken);
        }

        var pending = await services.GetRequiredService<MigrationForecast>().ReadPendingAsync(CancellationToken);

        Assert.Equal(Migrations().Skip(1), pending.Select(one => one.Id));
        var touching = pending.First(one => one.Tables.Any(table => table.Table == "scores"));
        var scores = touching.Tables.Single(table => table.Table == "scores");
        Assert.Equal(Scores, scores.Rows);
        Assert.Contains(scores.Blockers, blocker => blocker.Contains($"pid {reader.ProcessID}"));
        Assert.Contains("scores", touching.Sql);
        var dropping = pending.Single(one => one.Id.EndsWith("_DropOldRankByEmd", StringComparison.Ordinal)).Tables;
        Assert.Equal(("scores", "SHARE UPDATE EXCLUSIVE"), dropping.Select(one => (one.Table, one.Mode)).Single());
        var text = MigrationText.Of(pending);
        Assert.Contains("used now by", text);
        Assert.Contains($"pid {reader.ProcessID}", text);
        Assert.Contains(scores.Mode, text);
    }

    [Fact]
    public async Task The_plan_of_a_database_that_does_not_exist_has_every_migration()
    {
        await using var missing = new MissingDatabase();
        await missing.InitializeAsync();
        await using var others = ServicesOf(missing.ConnectionString);

        var pending = await others.GetRequiredService<MigrationForecast>().ReadPendingAsync(CancellationToken);

        Assert.Equal(Migrations(), pending.Select(one => one.Id));
    }

    private IEnumerable<string> Migrations()
    {
        using var context = MigratedTemplate.CreateContext(database.ConnectionString);
        return Microsoft.EntityFrameworkCore.RelationalDatabaseFacadeExtensions.GetMigrations(context.Database);
    }

    private long CountScoresOfCopy()
    {
        var name = RehearsalsAsync().GetAwaiter().GetResult().Single();
        var copy = new NpgsqlConnectionStringBuilder(database.ConnectionString) { Database = name, Pooling = false };
        using var connection = new NpgsqlConnection(copy.ConnectionString);
        connection.Open();
        using var count = new NpgsqlCommand("SELECT count(*) FROM scores", connection);
        return (long)count.ExecuteScalar()!;
    }

    private async Task<string[]> RehearsalsAsync() =>
        (
            await database.ScalarAsync<string[]>(
                "SELECT coalesce(array_agg(datname::text), '{}') FROM pg_database WHERE datname LIKE 'exact_rehearsal_%'"
            )
        )!;
}
