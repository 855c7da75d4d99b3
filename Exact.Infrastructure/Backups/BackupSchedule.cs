using Cronos;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Operations;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Exact.Infrastructure.Backups;

/// <summary>Makes the backups that <c>Backups:Schedule</c> asks for: one for each slot, however many replicas there are.</summary>
internal sealed partial class BackupSchedule(
    BackupService backups,
    BackupHistory history,
    MigratorConnection connections,
    BackupAlarm alarm,
    IOptions<BackupOptions> options,
    TimeProvider time,
    ILogger<BackupSchedule> logger
)
{
    private readonly CronExpression? cron = options.Value.Schedule is { Length: > 0 } schedule
        ? CronExpression.Parse(schedule)
        : null;

    /// <summary>Whether there is a schedule.</summary>
    public bool IsOn => cron is not null;

    /// <summary>When the next backup is due.</summary>
    public DateTimeOffset? Next => cron?.GetNextOccurrence(time.GetUtcNow(), TimeZoneInfo.Utc);

    /// <summary>Makes the backup of the last slot, unless one has been made or another replica makes it.</summary>
    /// <returns>Whether a backup was attempted. A failure is logged, counted and sent to <c>Backups:Webhook</c>.</returns>
    public async Task<bool> RunIfDueAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (
            cron?.GetPreviousOccurrence(now, TimeZoneInfo.Utc, inclusive: true) is not { } slot
            || !await history.IsDueAsync(slot, now, cancellationToken)
        )
        {
            return false;
        }

        await using var connection = await connections.OpenAsync(cancellationToken);
        if (
            !await BackupLock.TryAcquireAsync(connection, cancellationToken)
            || !await history.IsDueAsync(slot, now, cancellationToken)
        )
        {
            return false; // another replica makes it, or has made it while this one looked
        }

        var error = await TakeAsync(cancellationToken);
        if (error is not null)
        {
            await alarm.RaiseAsync(Actors.Schedule, slot, error, cancellationToken);
        }

        return true;
    }

    private async Task<string?> TakeAsync(CancellationToken cancellationToken)
    {
        try
        {
            var backup = await backups.TakeAsync(backups.Folder!, Actors.Schedule, cancellationToken);
            if (backup.Error is null)
            {
                LogTaken(backup.Name, backup.Records ?? 0, backup.Files ?? 0, backup.Bytes);
            }

            return backup.Error;
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            return e.Cause();
        }
    }

    [LoggerMessage(
        2510,
        LogLevel.Information,
        "Backup {Name} is verified: {Records} records, {Files} files, {Bytes} bytes"
    )]
    private partial void LogTaken(string name, long records, long files, long bytes);
}
