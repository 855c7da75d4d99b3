namespace Exact.Domain;

/// <summary>
/// What a leaderboard reads of a participant. Triggers derive it from <see cref="Score"/> and
/// <see cref="Disqualification"/>.
/// </summary>
public sealed class Participant
{
    public required string ChallengeId { get; init; }

    public required string Username { get; init; }

    /// <summary>The number of scores, of every state.</summary>
    public int Scores { get; init; }

    /// <summary>The number of scores that rank by EMD.</summary>
    public int RankedEmd { get; init; }

    /// <summary>The number of scores that rank by IMA.</summary>
    public int RankedIma { get; init; }

    /// <summary>The best EMD of the scores that rank; null if none does.</summary>
    public double? BestEmd { get; init; }

    public DateTimeOffset? BestEmdAt { get; init; }

    public long? BestEmdId { get; init; }

    /// <summary>The best IMA of the scores that rank; null if none does.</summary>
    public double? BestIma { get; init; }

    public DateTimeOffset? BestImaAt { get; init; }

    public long? BestImaId { get; init; }
}
