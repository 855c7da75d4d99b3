using System.ComponentModel.DataAnnotations;
using Cronos;

namespace Exact.Infrastructure.Backups;

/// <summary>When complete backups are made, where they go, and which are kept.</summary>
[Section("Backups")]
internal sealed class BackupOptions : IValidatableObject
{
    /// <summary>When to make a backup, in cron syntax and UTC; null for never.</summary>
    public string? Schedule { get; set; }

    /// <summary>The folder for backups, or <c>s3://BUCKET/PREFIX/</c> with the account of <c>Files:S3</c>.</summary>
    public string? Folder { get; set; }

    /// <summary>Which backups are kept.</summary>
    public string Keep { get; set; } = "last=3, daily=7, weekly=4, monthly=12";

    /// <summary>Whether a database that holds data is backed up before it is migrated, if there is a folder.</summary>
    public bool BeforeMigrating { get; set; } = true;

    /// <summary>The address that is told of each backup of the service that failed.</summary>
    public string? Webhook { get; set; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!string.IsNullOrEmpty(Schedule) && !CronExpression.TryParse(Schedule, out _))
        {
            yield return new(
                "must be a cron expression of five fields in UTC, such as 0 2 * * * for two o'clock every night.",
                [nameof(Schedule)]
            );
        }
        else if (!string.IsNullOrEmpty(Schedule) && string.IsNullOrEmpty(Folder))
        {
            yield return new(
                "must be set, such as to /var/lib/exact/backups, because Backups:Schedule is.",
                [nameof(Folder)]
            );
        }

        if (!string.IsNullOrEmpty(Folder) && !BackupFolder.IsBucket(Folder) && !Directory.Exists(Folder))
        {
            yield return new(
                "must be the path of an existing folder, such as /var/lib/exact/backups, or s3://BUCKET/PREFIX/. Create the "
                    + "folder, or correct the path.",
                [nameof(Folder)]
            );
        }

        if (!Retention.TryParse(Keep, out _))
        {
            yield return new($"must be a list of counts, such as {new BackupOptions().Keep}.", [nameof(Keep)]);
        }

        if (
            !string.IsNullOrEmpty(Webhook)
            && !(Uri.TryCreate(Webhook, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https")
        )
        {
            yield return new("must be an address, such as https://hooks.example.org/exact.", [nameof(Webhook)]);
        }
    }
}
