namespace Exact.Infrastructure.Operations;

/// <summary>The kinds of an <see cref="Operation"/>.</summary>
public enum OperationKind
{
    Migration,
    Import,
    Export,
    Backup,

    /// <summary>A backup was restored into a scratch database and compared with its manifest.</summary>
    Verification,

    /// <summary>An organiser entered, corrected, disqualified, reinstated or evaluated again.</summary>
    Score,

    /// <summary>An organiser or a member of staff changed, closed or deleted a challenge, or replaced its files.</summary>
    Challenge,
}
