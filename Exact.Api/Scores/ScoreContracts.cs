using System.Linq.Expressions;
using Exact.Domain;
using Microsoft.AspNetCore.Mvc;

namespace Exact.Api.Scores;

/// <summary>A score as the API shows it. A stored value that is no finite number is shown as null.</summary>
/// <param name="Username">The participant, who need not be a registered user.</param>
/// <param name="Score">The primary score; it mirrors <paramref name="EmdScore"/>.</param>
/// <param name="ErrorMessage">Why the evaluation failed; null unless it did.</param>
internal sealed record ScoreResponse(
    long Id,
    string Username,
    string ChallengeId,
    double? Score,
    double? EmdScore,
    double? EmdStd,
    double? ImaScore,
    double? ImaStd,
    string? MethodName,
    DateTimeOffset CreatedAt,
    ScoreStatus Status,
    string? ErrorMessage
)
{
    public static readonly Expression<Func<Score, ScoreResponse>> From = score => new ScoreResponse(
        score.Id,
        score.Username,
        score.ChallengeId,
        score.Primary,
        score.EmdScore,
        score.EmdStd,
        score.ImaScore,
        score.ImaStd,
        score.MethodName,
        score.CreatedAt,
        score.Status,
        score.ErrorMessage
    );
}

/// <summary>Which entries of a participant stand on a leaderboard.</summary>
internal enum Entries
{
    /// <summary>The best one: the default.</summary>
    Best,

    /// <summary>Every one.</summary>
    All,
}

/// <summary>Which leaderboard is asked for.</summary>
/// <param name="Metric">What it ranks by; for both metrics, higher is better.</param>
/// <param name="Entries">One row a participant, or every score.</param>
internal sealed record LeaderboardQuery(
    [FromQuery(Name = "metric")] Choice<Metric>? Metric = null,
    [FromQuery(Name = "entries")] Choice<Entries>? Entries = null,
    [FromQuery(Name = "limit")] int Limit = 100,
    [FromQuery(Name = "cursor")] string? Cursor = null
) : PageQuery(Limit, Cursor);

internal sealed class LeaderboardQueryValidator() : PageQueryValidator<LeaderboardQuery>(cursorLength: 3);

/// <summary>A row of a leaderboard.</summary>
/// <param name="Rank">1 is best; equal scores share a rank: 1, 2, 2, 4.</param>
/// <param name="ScoreId">The <see cref="ScoreResponse.Id"/> of the score that stands here.</param>
/// <param name="Score">The value of the chosen metric.</param>
/// <param name="Std">Its standard deviation, if it was measured.</param>
internal sealed record LeaderboardEntry(
    long Rank,
    long ScoreId,
    string Username,
    double Score,
    double? Std,
    string? MethodName,
    DateTimeOffset CreatedAt
);
