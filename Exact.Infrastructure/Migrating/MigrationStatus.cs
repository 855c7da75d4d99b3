using Exact.Infrastructure.Migrating.Drift;

namespace Exact.Infrastructure.Migrating;

/// <summary>The state of a database's migrations, as the API and the command line report it.</summary>
/// <example>
/// {"state": "current", "detail": "All 12 migrations are applied.", "version": "0.1.0", "server_version": "17.2",
/// "process": {"phase": "ready", "detail": "The schema is ready.", "migration": null, "number": null, "total": null,
/// "obstacle": null},
/// "lock_holder": null, "current": null,
/// "applied": [{"id": "20261122201647_Initial", "applied_at": "2026-11-26T09:00:00Z", "seconds": 0.4,
/// "applied_by": "exact 0.1.0 host-1", "generator": "10.0.0 10.0.0", "hash": null, "is_edited": false}],
/// "pending": [], "warnings": [], "unknown": [], "drift": []}
/// </example>
public sealed record MigrationStatus
{
    public required MigrationState State { get; init; }

    /// <summary>The state as a sentence, with what to do about it.</summary>
    public required string Detail { get; init; }

    /// <summary>The version of the code that answers.</summary>
    public required string Version { get; init; }

    /// <summary>PostgreSQL's version, such as <c>17.2</c>; null while it does not answer.</summary>
    public string? ServerVersion { get; init; }

    /// <summary>What the answering service does about the schema; null if a command answers, which is no service.</summary>
    public required SchemaProgress? Process { get; init; }

    /// <summary>The session that is migrating now, of any replica; null if none is.</summary>
    public LockHolder? LockHolder { get; init; }

    /// <summary>The migration that is being applied; null if none is.</summary>
    public string? Current { get; init; }

    /// <summary>The migrations that are applied, in order.</summary>
    public required IReadOnlyList<AppliedMigration> Applied { get; init; }

    /// <summary>The migrations of this code that are not applied, in order.</summary>
    public required IReadOnlyList<string> Pending { get; init; }

    /// <summary>Problems that do not stop the service.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>The applied migrations that this code does not have: a newer version applied them.</summary>
    public required IReadOnlyList<string> Unknown { get; init; }

    /// <summary>The version that applied the last of them, such as <c>Exact 1.2.0</c>; null if that is not known.</summary>
    internal string? NewerVersion => Applied.LastOrDefault(one => Unknown.Contains(one.Id))?.Version;

    /// <summary>
    /// How the database differs from the model. Null if it was not compared: migrations are pending or unknown, or a
    /// table is locked.
    /// </summary>
    public IReadOnlyList<DriftFinding>? Drift { get; init; }

    /// <summary>
    /// Adds the differences, which make the state <see cref="MigrationState.Drifted"/> unless all are harmless.
    /// </summary>
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
                    $"{Detail} The database differs from the model. Differences: {harmful.Count}; the first: "
                    + $"{harmful[0]}.",
            };
    }
}

/// <summary>The state of a database's migrations.</summary>
public enum MigrationState
{
    /// <summary>Every migration of this code is applied, and no other.</summary>
    Current,

    /// <summary>Migrations are not applied yet.</summary>
    Pending,

    /// <summary>A replica is applying them now.</summary>
    Migrating,

    /// <summary>A newer version of Exact has migrated the database.</summary>
    Ahead,

    /// <summary>Every migration is applied, but the database differs from the model.</summary>
    Drifted,

    /// <summary>The last run failed, and no replica is migrating.</summary>
    Failed,

    /// <summary>PostgreSQL does not answer, or does not let this role read the state.</summary>
    Unreachable,
}

/// <summary>An applied migration.</summary>
/// <param name="Id">Its id, such as <c>20261122120000_Initial</c>.</param>
/// <param name="AppliedAt">When it was committed.</param>
/// <param name="Seconds">How many seconds it took.</param>
/// <param name="AppliedBy">
/// Which program applied it: <c>exact VERSION HOST</c>, or another tool's <c>application_name</c>.
/// </param>
/// <param name="Generator">The versions of EF Core and of Npgsql's provider that generated its SQL.</param>
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
    /// <summary>
    /// Whether this code generates different SQL: the migration was edited, or the generator changed.
    /// </summary>
    public bool IsEdited { get; init; }

    /// <summary>The version of Exact that applied it, such as <c>Exact 1.2.0</c>; null if another tool did.</summary>
    internal string? Version =>
        AppliedBy.Split(' ') is ["exact", var version, ..] && char.IsAsciiDigit(version[0]) ? $"Exact {version}" : null;
}
