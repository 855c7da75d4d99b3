using System.Diagnostics;
using System.Net.Http.Json;
using Cronos;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Exact.Infrastructure.Backups;

/// <summary>Makes the backups that <c>Backups:Schedule</c> asks for: one for each slot, however many replicas there are.</summary>
internal sealed partial class BackupSchedule(
    BackupService backups,
    BackupHistory history,
    MigratorConnection connections,
    HttpClient http,
    IOptions<BackupOptions> options,
    TimeProvider time,
    ILogger<BackupSchedule> logger
)
{
    /// <summary>The actor in the journal.</summary>
    public const string Actor = "schedule";

    /// <summary>"exactbak" in ASCII: held by the replica that makes the backup of a slot.</summary>
    private const long Lock = 0x6578_6163_7462_616b;

    private static readonly TimeSpan WebhookPatience = TimeSpan.FromSeconds(10);

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
            !await TryLockAsync(connection, cancellationToken)
            || !await history.IsDueAsync(slot, now, cancellationToken)
        )
        {
            return false; // another replica makes it, or has made it while this one looked
        }

        var started = Stopwatch.GetTimestamp();
        var error = await TakeAsync(cancellationToken);
        Telemetry.BackupEnded(error is null, Stopwatch.GetElapsedTime(started));
        if (error is not null)
        {
            LogFailed(slot, error);
            await TellAsync(slot, error, cancellationToken);
        }

        return true;
    }

    private async Task<string?> TakeAsync(CancellationToken cancellationToken)
    {
        try
        {
            var backup = await backups.TakeAsync(backups.Folder!, Actor, cancellationToken);
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

    private async Task TellAsync(DateTimeOffset slot, string error, CancellationToken cancellationToken)
    {
        if (options.Value.Webhook is not { Length: > 0 } webhook)
        {
            return;
        }

        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(WebhookPatience);
            var news = new
            {
                @event = "backup_failed",
                slot,
                error,
                host = Environment.MachineName,
                last_success = (await history.ReadAsync(patience.Token)).LastSuccess,
            };
            using var answer = await http.PostAsJsonAsync(webhook, news, patience.Token);
            answer.EnsureSuccessStatusCode();
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            LogNotTold(e.Cause());
        }
    }

    /// <summary>The lock ends with the session, also when this process is killed.</summary>
    private static async Task<bool> TryLockAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"{TimeLimits.Lift(connection, local: false)} SELECT pg_try_advisory_lock({Lock})",
            connection
        );
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    [LoggerMessage(
        2510,
        LogLevel.Information,
        "Backup {Name} is verified: {Records} records, {Files} files, {Bytes} bytes"
    )]
    private partial void LogTaken(string name, long records, long files, long bytes);

    [LoggerMessage(2511, LogLevel.Error, "The backup of {Slot:u} failed: {Cause}")]
    private partial void LogFailed(DateTimeOffset slot, string cause);

    [LoggerMessage(2512, LogLevel.Warning, "Backups:Webhook could not be told of the failed backup: {Cause}")]
    private partial void LogNotTold(string cause);
}
