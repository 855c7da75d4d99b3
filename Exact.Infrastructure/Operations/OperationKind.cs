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

    /// <summary>An administrator made an account; a member of staff made or revoked a token that opens what is for staff.</summary>
    Account,

    /// <summary>The command line took over stored files, or deleted those that nothing names.</summary>
    Files,

    /// <summary>The command line derived standings from the scores again.</summary>
    Standings,
}
