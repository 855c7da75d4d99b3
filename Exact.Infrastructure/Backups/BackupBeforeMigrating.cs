using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Exact.Infrastructure.Backups;

/// <summary>Backs up a database that holds data before migrations change it.</summary>
internal sealed class BackupBeforeMigrating(
    BackupService backups,
    BackupWriter writer,
    BackupAlarm alarm,
    IOptions<BackupOptions> options
)
{
    /// <summary>Makes the backup and verifies it.</summary>
    /// <param name="connection">The session that holds the migration lock, and is idle meanwhile.</param>
    /// <param name="actor">Who migrates.</param>
    /// <param name="cancellationToken">Cancels the backup.</param>
    /// <exception cref="MigrationRefusedException">There is no verified backup, so the migrations must not run.</exception>
    public async Task TakeAsync(NpgsqlConnection connection, string actor, CancellationToken cancellationToken)
    {
        if (
            !options.Value.BeforeMigrating
            || backups.Folder is not { } folder
            || await writer.FindForOlderAsync(cancellationToken) is not { } older
        )
        {
            return;
        }

        var isMarked = await BackupLock.TryAcquireAsync(connection, cancellationToken);
        var error = await TakeAsync(folder, older, actor, cancellationToken);
        if (isMarked)
        {
            await BackupLock.ReleaseAsync(connection);
        }

        if (error is not null)
        {
            await alarm.RaiseAsync("migration", slot: null, error, cancellationToken);
            throw new MigrationRefusedException(
                $"There is no verified backup, so nothing was migrated. {error} Fix that, or set "
                    + "Backups__BeforeMigrating=false to migrate without a backup."
            );
        }
    }

    private async Task<string?> TakeAsync(
        BackupFolder folder,
        BackupWriter older,
        string actor,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return (await backups.TakeAsync(folder, actor, older, _ => { }, cancellationToken)).Error;
        }
        catch (Exception e)
            when (!cancellationToken.IsCancellationRequested
                && !PostgresErrors.IsBlocked(e) // the migrator tries again after these
                && !PostgresErrors.IsServerAway(e)
            )
        {
            return e.Cause();
        }
    }
}
