namespace Exact.Domain;

/// <summary>What an organiser may demand of the submissions to a challenge. A challenge without rules accepts all.</summary>
public sealed class ChallengeRules
{
    public long Id { get; init; }

    /// <summary>The <see cref="Challenge.ChallengeId"/> of the challenge, which has at most one set of rules.</summary>
    public required string ChallengeId { get; init; }

    /// <summary>When submissions begin; null if they have begun.</summary>
    public DateTimeOffset? OpensOn { get; set; }

    /// <summary>How many submissions a participant has each day, in UTC; null if there is no limit.</summary>
    public int? DailyLimit { get; set; }

    /// <summary>How many submissions a participant has in all; null if there is no limit.</summary>
    public int? TotalLimit { get; set; }

    /// <summary>The largest file, in bytes; null for the limit of the service.</summary>
    public long? MaxBytes { get; set; }

    /// <summary>The accepted extensions, such as <c>.py,.zip</c>; empty if every file is accepted.</summary>
    public string AcceptedTypes { get; set; } = "";

    /// <summary>Whether only the organiser sees the scores of others until the challenge closes.</summary>
    public bool HidesScores { get; set; }
}
