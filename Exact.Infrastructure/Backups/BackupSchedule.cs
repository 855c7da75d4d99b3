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
    private bool isTold;

    private readonly CronExpression? cron = options.Value.Schedule is { Length: > 0 } schedule
        ? CronExpression.Parse(schedule)
        : null;

    /// <summary>Whether there is a schedule.</summary>
    public bool IsOn => cron is not null;

    /// <summary>When the next backup is due.</summary>
    public DateTimeOffset? Next => cron?.GetNextOccurrence(time.GetUtcNow(), TimeZoneInfo.Utc);

    /// <summary>Looks whether a backup is due, and makes it. If it cannot look, it tells so once, until it can again.</summary>
    public async Task LookAsync(CancellationToken cancellationToken)
    {
        try
        {
            await RunIfDueAsync(cancellationToken);
            isTold = false;
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            if (isTold)
            {
                LogNotLooked(e.Cause());
                return;
            }

            isTold = true;
            var error = $"It cannot be told whether a backup is due: {e.Cause()}";
            await alarm.RaiseAsync(Actors.Schedule, Last(time.GetUtcNow()), error, cancellationToken);
        }
    }

    /// <summary>How long to wait before the next look.</summary>
    public TimeSpan Wait(TimeSpan longest)
    {
        var wait = Next - time.GetUtcNow() ?? longest;
        return wait < TimeSpan.Zero ? TimeSpan.Zero // the clock was set meanwhile
            : wait < longest ? wait
            : longest;
    }

    /// <summary>Makes the backup of the last slot, unless one has been made or another replica makes it.</summary>
    /// <returns>Whether a backup was attempted. A failure is logged, counted and sent to <c>Backups:Webhook</c>.</returns>
    public async Task<bool> RunIfDueAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (Last(now) is not { } slot)
        {
            return false;
        }

        if (await history.ClaimDeadAsync(slot, cancellationToken) > 0)
        {
            await alarm.RaiseAsync(Actors.Schedule, slot, OperationJournal.Died, cancellationToken);
        }

        if (!await history.IsDueAsync(slot, now, cancellationToken))
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

    private DateTimeOffset? Last(DateTimeOffset now) =>
        cron?.GetPreviousOccurrence(now, TimeZoneInfo.Utc, inclusive: true);

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

    [LoggerMessage(2514, LogLevel.Error, "It cannot be told whether a backup is due: {Cause}")]
    private partial void LogNotLooked(string cause);
}
