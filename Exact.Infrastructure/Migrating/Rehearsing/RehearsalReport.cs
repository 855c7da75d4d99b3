using Exact.Infrastructure.Migrating.Drift;

namespace Exact.Infrastructure.Migrating.Rehearsing;

/// <summary>What the pending migrations did to a copy of the database.</summary>
internal sealed record RehearsalReport
{
    /// <summary>How many tables were copied; none if there is nothing to apply, or nothing to copy.</summary>
    public int Tables { get; init; }

    /// <summary>The size of the copy.</summary>
    public long Bytes { get; init; }

    /// <summary>How long it took to make the copy.</summary>
    public double CopySeconds { get; init; }

    /// <summary>What the database has that the copy has not, because no migration made it, and the reverse.</summary>
    public IReadOnlyList<DriftFinding> Differences { get; init; } = [];

    /// <summary>The migrations that were applied to the copy, in order.</summary>
    public IReadOnlyList<RehearsedMigration> Migrations { get; init; } = [];

    /// <summary>The migration that failed, and why; null if all succeeded.</summary>
    public string? Error { get; init; }

    /// <summary>How the copy differs from the model after the last migration.</summary>
    public IReadOnlyList<DriftFinding> Drift { get; init; } = [];

    /// <summary>The copies that earlier rehearsals had left behind, and that this one dropped.</summary>
    public IReadOnlyList<string> DroppedLeftovers { get; init; } = [];
}

/// <summary>What one migration did to the copy.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="Locks">The locks on tables that existed before it. It holds them until its end.</param>
/// <param name="Rewritten">The tables that PostgreSQL wrote again as a whole.</param>
internal sealed record RehearsedMigration(
    string Id,
    double Seconds,
    IReadOnlyList<TableLock> Locks,
    IReadOnlyList<string> Rewritten
);

/// <summary>The strongest lock on a table.</summary>
/// <param name="Mode">The mode as PostgreSQL's manual names it, such as <c>ACCESS EXCLUSIVE</c>.</param>
internal sealed record TableLock(string Table, string Mode);
