using System.Text.Json.Serialization;
using Exact.Infrastructure.Backups;
using Microsoft.Extensions.Options;

namespace Exact.Api.Backups;

/// <summary>The complete backups, and how the last ones went.</summary>
/// <example>
/// {"schedule": "0 2 * * *", "folder": "/var/lib/exact/backups", "keep": "last=3, daily=7, weekly=4, monthly=12",
/// "next": "2026-12-04T02:00:00Z", "last_success": "2026-12-03T02:00:00Z", "last_attempt": "2026-12-03T02:00:00Z",
/// "failed_since": null, "error": null,
/// "backups": [{"name": "exact-20261203T020000Z-17.tar.gz", "taken_at": "2026-12-03T02:00:00Z", "bytes": 402653,
/// "records": 1204, "files": 3, "schema": "20261126231500_DeriveFromMovedDisqualifications", "version": "0.1.0",
/// "verified": true, "error": null, "damaged": []}]}
/// </example>
internal sealed record BackupStatus
{
    /// <summary>When backups are made, in cron syntax and UTC; null if they are not scheduled.</summary>
    public required string? Schedule { get; init; }

    /// <summary>Where they go; null if no folder is set.</summary>
    public required string? Folder { get; init; }

    /// <summary>Which of them are kept.</summary>
    public required string Keep { get; init; }

    /// <summary>When the next one is due.</summary>
    public required DateTimeOffset? Next { get; init; }

    /// <summary>When the last one began that was verified.</summary>
    public required DateTimeOffset? LastSuccess { get; init; }

    /// <summary>When the last one began.</summary>
    public required DateTimeOffset? LastAttempt { get; init; }

    /// <summary>When the first one began that failed after the last success; null if none did.</summary>
    public required DateTimeOffset? FailedSince { get; init; }

    /// <summary>Why the last one failed, if it did.</summary>
    public required string? Error { get; init; }

    /// <summary>The archives in the folder, newest first.</summary>
    public required IReadOnlyList<Backup> Backups { get; init; }

    /// <summary>The newest archive that can be restored.</summary>
    [JsonIgnore]
    public Backup? LastVerified => Backups.FirstOrDefault(backup => backup.Verified);
}

/// <summary>Reads the folder, the journal and the schedule.</summary>
internal sealed class BackupStatusReader(
    BackupService backups,
    BackupHistory history,
    BackupSchedule schedule,
    IOptions<BackupOptions> options
)
{
    public async Task<BackupStatus> ReadAsync(CancellationToken cancellationToken)
    {
        var record = await history.ReadAsync(cancellationToken);
        return new BackupStatus
        {
            Schedule = options.Value.Schedule,
            Folder = options.Value.Folder,
            Keep = options.Value.Keep,
            Next = schedule.Next,
            LastSuccess = record.LastSuccess,
            LastAttempt = record.LastAttempt,
            FailedSince = record.FailedSince,
            Error = record.Error,
            Backups = backups.Folder is { } folder ? await folder.ListAsync(cancellationToken) : [],
        };
    }
}
