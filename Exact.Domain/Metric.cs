namespace Exact.Domain;

/// <summary>The metric that a leaderboard ranks by; higher is better.</summary>
public enum Metric
{
    /// <summary>Ranks by <see cref="Score.EmdScore"/>; the default.</summary>
    Emd,

    /// <summary>Ranks by <see cref="Score.ImaScore"/>.</summary>
    Ima,
}
