namespace Exact.Domain;

/// <summary>How many participants a challenge has. Triggers derive it from <see cref="Participant"/>.</summary>
public sealed class Standing
{
    public required string ChallengeId { get; init; }

    public int Participants { get; init; }

    /// <summary>Those with a best EMD.</summary>
    public int RankedEmd { get; init; }

    /// <summary>Those with a best IMA.</summary>
    public int RankedIma { get; init; }

    /// <summary>The number of scores, of every state.</summary>
    public long Scores { get; init; }
}
