using Exact.Infrastructure.Backups;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Database.Embedded;
using Exact.Infrastructure.Migrating;
using Exact.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using static Exact.Tests.Support.ExactServices;

namespace Exact.Tests.Backups;

/// <summary>A database that holds data is backed up before it is migrated.</summary>
public sealed class BackupBeforeMigratingTests(TestDatabase database) : IClassFixture<TestDatabase>, IAsyncLifetime
{
    private const string Challenge = """
        INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
        VALUES ('c1', 'Kept', '', '2026-01-01Z', 'ada')
        """;

    private readonly string folder = Directory.CreateTempSubdirectory("exact-backups-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await database.ExecuteAsync("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
        await database.MigrateToFirstAsync();
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task The_first_thing_that_migrate_does_is_a_verified_backup_of_the_old_schema()
    {
        await database.ExecuteAsync(Challenge);
        var old = await database.ScalarAsync<string>("""SELECT max(migration_id) FROM "__EFMigrationsHistory" """);
        var settings = new Dictionary<string, string> { ["Backups__Folder"] = folder };

        await using var migrate = await ExactProcess.RunAsync(database.ConnectionString, settings, "migrate");

        Assert.Equal(0, await migrate.WaitForExitAsync());
        await using var services = Services();
        var backup = Assert.Single(await services.GetRequiredService<BackupService>().Folder!.ListAsync(Cancellation));
        Assert.Equal((true, old, 1L), (backup.Verified, backup.Schema, backup.Records));
        Assert.Equal(
            "backup command-line succeeded, migration command-line succeeded",
            await database.ScalarAsync<string>(
                "SELECT string_agg(concat_ws(' ', kind, actor, state), ', ' ORDER BY id) FROM operations"
            )
        );
        await using var again = await ExactProcess.RunAsync(database.ConnectionString, settings, "migrate");
        Assert.Single(Directory.EnumerateFiles(folder, "*.tar.gz")); // nothing was pending
    }

    [Fact]
    public async Task A_backup_that_cannot_be_restored_stops_the_migration_unless_it_is_switched_off()
    {
        await database.ExecuteAsync(Challenge.Replace("'c1'", "'..'", StringComparison.Ordinal)); // no import takes it
        await using var services = Services();
        await using var without = Services(("Backups:BeforeMigrating", "false"));

        var refusal = await Assert.ThrowsAsync<MigrationRefusedException>(() => MigrateAsync(services));

        Assert.StartsWith("There is no verified backup, so nothing was migrated. The backup exact-", refusal.Message);
        Assert.Contains("The name of a challenge must not be", refusal.Message);
        Assert.Equal(1, await database.ScalarAsync<long>("""SELECT count(*) FROM "__EFMigrationsHistory" """));
        Assert.Equal(
            "backup failed, migration failed",
            await database.ScalarAsync<string>(
                "SELECT string_agg(concat_ws(' ', kind, state), ', ' ORDER BY id) FROM operations"
            )
        );
        Assert.NotEmpty(await MigrateAsync(without));
    }

    [Fact]
    public async Task A_server_that_goes_away_while_the_backup_is_verified_is_waited_for()
    {
        await database.ExecuteAsync(Challenge);
        var nowhere = $"Host=127.0.0.1;Port={FreePort.Find()};Database=exact;Username=exact";
        await using var services = Services(("ConnectionStrings:ExactMigrator", nowhere));
        await using var connection = await database.DataSource.OpenConnectionAsync(Cancellation);

        var failure = await Assert.ThrowsAnyAsync<Exception>(() =>
            services.GetRequiredService<BackupBeforeMigrating>().TakeAsync(connection, "ada", Cancellation)
        );

        Assert.True(PostgresErrors.IsServerAway(failure), $"{failure}"); // the migrator waits, and tries again
    }

    [Fact]
    public async Task A_database_without_data_needs_no_backup()
    {
        await using var services = Services();

        Assert.NotEmpty(await MigrateAsync(services));

        Assert.Empty(Directory.EnumerateFiles(folder));
    }

    private static Task<IReadOnlyList<string>> MigrateAsync(ServiceProvider services) =>
        services.GetRequiredService<DatabaseMigrator>().MigrateAsync("ada", Cancellation);

    private ServiceProvider Services(params (string Name, string Value)[] more)
    {
        var settings = new Dictionary<string, string?> { ["Backups:Folder"] = folder };
        foreach (var (name, value) in more)
        {
            settings[name] = value;
        }

        return ServicesOf(database.ConnectionString, settings);
    }
}
