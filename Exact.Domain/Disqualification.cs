namespace Exact.Domain;

/// <summary>A score that is kept and does not rank.</summary>
public sealed class Disqualification
{
    public long Id { get; init; }

    public long ScoreId { get; init; }

    public required string Reason { get; set; }

    /// <summary>The user name of the organiser, or <c>admin-key</c>.</summary>
    public required string CreatedBy { get; init; }

    public DateTimeOffset CreatedAt { get; init; }
}
