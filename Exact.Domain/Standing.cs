namespace Exact.Domain;

/// <summary>A part of the counts of a challenge, which are the sums of its rows. Triggers derive it.</summary>
public sealed class Standing
{
    public long Id { get; init; }

    public required string ChallengeId { get; init; }

    public int Participants { get; init; }

    /// <summary>Those with a best EMD.</summary>
    public int RankedEmd { get; init; }

    /// <summary>Those with a best IMA.</summary>
    public int RankedIma { get; init; }

    public long RankedEmdScores { get; init; }

    public long RankedImaScores { get; init; }

    /// <summary>The number of scores, of every state.</summary>
    public long Scores { get; init; }
}
