namespace Exact.Domain;

/// <summary>The evaluation of a participant's method in a challenge.</summary>
public sealed class Score
{
    private double? primary;
    private double? emdScore;

    public long Id { get; init; }

    /// <summary>The participant: a user name, which need not be a registered user's.</summary>
    public required string Username { get; init; }

    /// <summary>The <see cref="Challenge.ChallengeId"/> that the score belongs to.</summary>
    public required string ChallengeId { get; init; }

    /// <summary>
    /// The primary score. Setting it also sets <see cref="EmdScore"/>, and vice versa; an imported score may have only
    /// one.
    /// </summary>
    public double? Primary
    {
        get => primary;
        set => primary = emdScore = value;
    }

    /// <summary>The EMD score; higher is better.</summary>
    public double? EmdScore
    {
        get => emdScore;
        set => primary = emdScore = value;
    }

    public double? EmdStd { get; set; }

    /// <summary>The IMA score; higher is better.</summary>
    public double? ImaScore { get; set; }

    public double? ImaStd { get; set; }

    public string? MethodName { get; set; }

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>The state of the evaluation; completed by default, as in Django's model.</summary>
    public ScoreStatus Status { get; set; } = ScoreStatus.Completed;

    /// <summary>
    /// Why the evaluation failed; null unless <see cref="Status"/> is <see cref="ScoreStatus.Failed"/>.
    /// </summary>
    public string? ErrorMessage { get; set; }
}
