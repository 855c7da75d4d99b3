using Exact.Infrastructure.Migrating.Drift;

namespace Exact.Infrastructure.Migrating;

/// <summary>The answer to "where do the migrations stand?".</summary>
public sealed record MigrationStatus
{
    public required MigrationState State { get; init; }

    /// <summary>The state as a sentence, with the way out where one is needed.</summary>
    public required string Detail { get; init; }

    /// <summary>The version of the code that answers.</summary>
    public required string Version { get; init; }

    /// <summary>PostgreSQL's version, such as <c>17.2</c>; null while it does not answer.</summary>
    public string? ServerVersion { get; init; }

    /// <summary>What the answering process is doing about the schema.</summary>
    public required SchemaProgress Process { get; init; }

    /// <summary>The session that is migrating now, on whichever replica; null if none is.</summary>
    public LockHolder? LockHolder { get; init; }

    /// <summary>The migration that it is applying; null if none is.</summary>
    public string? Current { get; init; }

    /// <summary>What the database has had, in order.</summary>
    public required IReadOnlyList<AppliedMigration> Applied { get; init; }

    /// <summary>What this code knows and the database has not had, in order.</summary>
    public required IReadOnlyList<string> Pending { get; init; }

    /// <summary>What an operator should know although the service runs.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>What the database has had and this code does not know: a newer version has been here.</summary>
    public required IReadOnlyList<string> Unknown { get; init; }

    /// <summary>
    /// Where the database differs from what this code needs. Null where that was not asked: while migrations are pending or
    /// unknown, the database is not meant to be what this code needs; while a session holds an exclusive lock on a table, it
    /// cannot be read.
    /// </summary>
    public IReadOnlyList<DriftFinding>? Drift { get; init; }

    /// <summary>The status of a database whose migrations are all applied, and which differs in this from what they made.</summary>
    internal MigrationStatus With(IReadOnlyList<DriftFinding> drift)
    {
        var harmful = drift.Where(finding => !finding.Harmless).ToList();
        return harmful.Count == 0
            ? this with
            {
                Drift = drift,
            }
            : this with
            {
                Drift = drift,
                State = MigrationState.Drifted,
                Detail =
                    $"{Detail} Somebody has changed the database since. Differences: {harmful.Count}; the first: {harmful[0]}.",
            };
    }
}

/// <summary>Where the migrations of a database stand.</summary>
public enum MigrationState
{
    /// <summary>The database has had every migration that this code knows, and no other.</summary>
    Current,

    /// <summary>Migrations are waiting to be applied.</summary>
    Pending,

    /// <summary>A replica is applying them now.</summary>
    Migrating,

    /// <summary>A newer version has migrated the database.</summary>
    Ahead,

    /// <summary>The database has had every migration, and somebody has changed since what they made.</summary>
    Drifted,

    /// <summary>The last run failed, and nobody is trying now.</summary>
    Failed,

    /// <summary>PostgreSQL does not answer.</summary>
    Unreachable,
}

/// <summary>A migration that the database has had.</summary>
/// <param name="Id">Its id, such as <c>20261122120000_Initial</c>.</param>
/// <param name="AppliedAt">When it was committed.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="AppliedBy">Who applied it: <c>exact VERSION HOST</c>, or the <c>application_name</c> of another tool.</param>
/// <param name="Generator">What generated its SQL then: the versions of EF Core and of Npgsql's provider.</param>
/// <param name="Hash">The SHA-256 of that SQL; null if it was not recorded.</param>
public sealed record AppliedMigration(
    string Id,
    DateTimeOffset AppliedAt,
    double Seconds,
    string AppliedBy,
    string Generator,
    string? Hash
)
{
    /// <summary>Whether this code would run another SQL: the migration was edited since, or the generator is another one.</summary>
    public bool IsEdited { get; init; }
}
