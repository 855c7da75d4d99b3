using System.ComponentModel.DataAnnotations;

namespace Exact.Infrastructure.Migrating;

/// <summary>The section <c>Migrations</c> of the configuration.</summary>
public sealed class MigrationOptions
{
    /// <summary>What a starting service does about pending migrations.</summary>
    [EnumDataType(typeof(StartupAction))]
    public StartupAction OnStartup { get; set; } = StartupAction.Apply;

    /// <summary>
    /// Refuses to start on a database that is ahead of this code, or that was migrated with another SQL by the same generator.
    /// </summary>
    public bool Strict { get; set; }

    /// <summary>How long a starting service waits for a PostgreSQL that does not answer.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "24:00:00")]
    public TimeSpan ServerWait { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a replica waits for the one that is migrating.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "24:00:00")]
    public TimeSpan LockWait { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>
    /// How long a migration may stand in the queue for a table lock, where it holds up every query behind it. Then it steps
    /// aside and tries again.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "01:00:00")]
    public TimeSpan LockTimeout { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a migration is tried again that was kept from its table locks, or lost its connection.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "24:00:00")]
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

    /// <summary>Changes nothing; the service becomes ready once somebody else has applied them.</summary>
    Check,
}
