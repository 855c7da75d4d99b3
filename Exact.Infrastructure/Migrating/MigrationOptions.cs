using System.ComponentModel.DataAnnotations;

namespace Exact.Infrastructure.Migrating;

/// <summary>How the schema is migrated.</summary>
[Section("Migrations")]
public sealed class MigrationOptions
{
    /// <summary>What a starting service does about pending migrations.</summary>
    public StartupAction OnStartup { get; set; } = StartupAction.Apply;

    /// <summary>
    /// Refuses to start on a database that is ahead of this code, or on which an applied migration was edited.
    /// </summary>
    public bool Strict { get; set; }

    /// <summary>How long a starting service waits for PostgreSQL to answer.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00")]
    public TimeSpan ServerWait { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a replica waits for the one that is migrating.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan LockWait { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>
    /// How long a migration may queue for a table lock, and so delay every query behind it, before it tries again
    /// later.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "01:00:00")]
    public TimeSpan LockTimeout { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long to retry a migration that got no table lock, or lost its connection.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00")]
    public TimeSpan RetryFor { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How long one statement of a migration may run; zero, the default, sets no limit.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "7.00:00:00")]
    public TimeSpan CommandTimeout { get; set; } = TimeSpan.Zero;
}

/// <summary>What a starting service does about pending migrations.</summary>
public enum StartupAction
{
    /// <summary>Applies them, or waits for the replica that does.</summary>
    Apply,

    /// <summary>Changes nothing; the service becomes ready once another process has applied them.</summary>
    Check,
}
