namespace Exact.Infrastructure.Migrating.Drift;

/// <summary>One difference between the database and what this code needs.</summary>
/// <param name="Kind">How it differs.</param>
/// <param name="Subject">What differs, such as <c>index ix_scores_challenge_id_id</c> or <c>column scores.status</c>.</param>
/// <param name="Detail">What was expected, and what was found.</param>
public sealed record DriftFinding(DriftKind Kind, string Subject, string Detail)
{
    /// <summary>The SQL that mends it; null where nothing has to be, or where it needs a person's judgement.</summary>
    public string? Mend { get; init; }

    /// <summary>
    /// It restricts nothing that this code does: a table, a plain index or an optional column of the operator's own. It is
    /// reported, but it does not make a database <see cref="MigrationState.Drifted"/>.
    /// </summary>
    public bool Harmless { get; init; }

    public override string ToString() => $"{Kind.ToString().ToLowerInvariant()} {Subject}: {Detail}";
}

/// <summary>How a database differs from what this code needs.</summary>
public enum DriftKind
{
    /// <summary>The code needs it, and it is not there.</summary>
    Missing,

    /// <summary>It is there, and not as the code needs it.</summary>
    Different,

    /// <summary>It is there as it should be, and PostgreSQL does not use it: an INVALID index, a NOT VALID constraint.</summary>
    Invalid,

    /// <summary>It is there, and the code does not know it.</summary>
    Extra,
}
