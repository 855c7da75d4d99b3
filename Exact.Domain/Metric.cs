namespace Exact.Domain;

/// <summary>What a leaderboard ranks by. For both, higher is better.</summary>
public enum Metric
{
    /// <summary>EMD, <see cref="Score.EmdScore"/>: the default.</summary>
    Emd,

    /// <summary>IMA, <see cref="Score.ImaScore"/>.</summary>
    Ima,
}
