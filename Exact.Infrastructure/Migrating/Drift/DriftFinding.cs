namespace Exact.Infrastructure.Migrating.Drift;

/// <summary>One difference between the database and the model.</summary>
/// <param name="Kind">How it differs.</param>
/// <param name="Subject">
/// What differs, such as <c>index ix_scores_challenge_id_id</c> or <c>column scores.status</c>.
/// </param>
/// <param name="Detail">What was expected, and what was found.</param>
public sealed record DriftFinding(DriftKind Kind, string Subject, string Detail)
{
    /// <summary>The SQL that fixes it; null if it is harmless, or if a person must decide how.</summary>
    public string? Fix { get; init; }

    /// <summary>
    /// Whether it restricts nothing that this code does, such as an operator's own table or index. It then leaves the
    /// state current.
    /// </summary>
    public bool Harmless { get; init; }

    public override string ToString() => $"{Kind.ToString().ToLowerInvariant()} {Subject}: {Detail}";
}

/// <summary>How a database differs from the model.</summary>
public enum DriftKind
{
    /// <summary>The code needs it, and it does not exist.</summary>
    Missing,

    /// <summary>It exists, but not as the code needs it.</summary>
    Different,

    /// <summary>It exists, but PostgreSQL does not rely on it: an INVALID index, a NOT VALID constraint.</summary>
    Invalid,

    /// <summary>It exists, and the model does not have it.</summary>
    Extra,
}
