namespace Exact.Domain;

/// <summary>The state of a <see cref="Score"/>'s evaluation. Leaderboards show only completed scores.</summary>
public enum ScoreStatus
{
    Pending,
    Running,
    Completed,
    Failed,
}
