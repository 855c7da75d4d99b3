namespace Exact.Domain;

/// <summary>Where the evaluation of a <see cref="Score"/> stands. Only completed scores stand on a leaderboard.</summary>
public enum ScoreStatus
{
    Pending,
    Running,
    Completed,
    Failed,
}
