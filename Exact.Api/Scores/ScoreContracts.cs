using System.Linq.Expressions;
using System.Text.Json.Serialization;
using Exact.Domain;
using Exact.Infrastructure.Database;
using FluentValidation;

namespace Exact.Api.Scores;

/// <summary>A score. A value that is not a finite number is null.</summary>
/// <example>
/// {"id": 88, "username": "bob", "challenge_id": "tetris-saliency", "score": 0.71, "emd_score": 0.71, "emd_std": 0.04,
/// "ima_score": 0.52, "ima_std": 0.03, "method_name": "grad-cam", "created_at": "2026-12-03T14:21:05.123456Z",
/// "status": "completed", "error_message": null, "disqualified": false}
/// </example>
internal record ScoreResponse
{
    public required long Id { get; init; }

    /// <summary>The participant, who need not be a registered user.</summary>
    public required string Username { get; init; }

    public required string ChallengeId { get; init; }

    /// <summary>The primary score, which equals the EMD score.</summary>
    public required double? Score { get; init; }

    public required double? EmdScore { get; init; }

    public required double? EmdStd { get; init; }

    public required double? ImaScore { get; init; }

    public required double? ImaStd { get; init; }

    public required string? MethodName { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required ScoreStatus Status { get; init; }

    /// <summary>Why the evaluation failed, for its participant, the organiser and administrators; otherwise null.</summary>
    public required string? ErrorMessage { get; init; }

    /// <summary>Whether the organiser has taken it off the leaderboard.</summary>
    public required bool Disqualified { get; init; }

    /// <summary>A score as somebody may see it: an error may quote what the participant's program printed.</summary>
    /// <param name="database">Has the rows that belong to the score.</param>
    /// <param name="reader">The user name of the caller; null for nobody.</param>
    /// <param name="isAdmin">Whether the caller sees everything.</param>
    public static Expression<Func<Score, ScoreResponse>> From(ExactDbContext database, string? reader, bool isAdmin) =>
        score => new ScoreResponse
        {
            Id = score.Id,
            Username = score.Username,
            ChallengeId = score.ChallengeId,
            Score = score.Primary,
            EmdScore = score.EmdScore,
            EmdStd = score.EmdStd,
            ImaScore = score.ImaScore,
            ImaStd = score.ImaStd,
            MethodName = score.MethodName,
            CreatedAt = score.CreatedAt,
            Status = score.Status,
            ErrorMessage =
                isAdmin
                || score.ErrorMessage != null
                    && reader != null
                    && (
                        score.Username == reader
                        || database.Challenges.Any(one =>
                            one.ChallengeId == score.ChallengeId && one.CreatedBy == reader
                        )
                    )
                    ? score.ErrorMessage
                    : null,
            Disqualified = database.Disqualifications.Any(one => one.ScoreId == score.Id),
        };
}

/// <summary>Which scores of a participant a leaderboard shows.</summary>
internal enum Entries
{
    /// <summary>The best one; the default.</summary>
    Best,

    /// <summary>Every one.</summary>
    All,
}

/// <summary>The page of a leaderboard to read.</summary>
#nullable disable annotations // see QueryAttribute
internal sealed record LeaderboardQuery(
    [Query(Name = "metric", Description = "The metric to rank by. A higher value is better.")]
        Choice<Metric>? Metric = null,
    [Query(Name = "entries", Description = "One row per participant (`best`), or every score (`all`).")]
        Choice<Entries>? Entries = null,
    [Query(Name = "around", Description = LeaderboardQuery.AroundDescription)] string Around = null,
    [Query(Name = "format", Description = RowFormats.Description)] Choice<RowFormat>? Format = null,
    [Query(Name = "limit", Description = PageQuery.LimitDescription)] int Limit = 100,
    [Query(Name = "cursor", Description = PageQuery.CursorDescription)] string Cursor = null
) : IPageQuery
#nullable restore annotations
{
    /// <summary>Stands for the caller in <see cref="Around"/>.</summary>
    public const string Me = "me";

    private const string AroundDescription =
        "A user name, or `me` for the caller: the page that has the best score of this participant in its middle.";
}

/// <summary>The page of a challenge's scores to read.</summary>
#nullable disable annotations // see QueryAttribute
internal sealed record ScoreQuery(
    [Query(Name = "format", Description = RowFormats.Description)] Choice<RowFormat>? Format = null,
    [Query(Name = "limit", Description = PageQuery.LimitDescription)] int Limit = 100,
    [Query(Name = "cursor", Description = PageQuery.CursorDescription)] string Cursor = null
) : IPageQuery;

#nullable restore annotations

internal sealed class ScoreQueryValidator() : PageQueryValidator<ScoreQuery>(place => place is [_]);

internal sealed class LeaderboardQueryValidator : PageQueryValidator<LeaderboardQuery>
{
    public LeaderboardQueryValidator()
        : base(place =>
            place is [var score, >= 0 and var ticks, _, >= 1, >= 1]
            && double.IsFinite(BitConverter.Int64BitsToDouble(score))
            && ticks <= DateTimeOffset.MaxValue.UtcTicks
        ) =>
        RuleFor(query => query.Around)
            .Null()
            .When(query => query.Cursor is not null || query.Format.OrDefault() is not RowFormat.Json)
            .WithMessage("Chooses a page. Leave it out, or leave out cursor and format.");
}

/// <summary>A row of a leaderboard.</summary>
/// <example>
/// {"rank": 1, "score_id": 88, "username": "bob", "score": 0.71, "std": 0.04, "method_name": "grad-cam",
/// "created_at": "2026-12-03T14:21:05.123456Z"}
/// </example>
internal sealed record LeaderboardEntry
{
    /// <summary>The rank, from 1. Equal scores share a rank: 1, 2, 2, 4.</summary>
    public required long Rank { get; init; }

    /// <summary>The id of the score.</summary>
    public required long ScoreId { get; init; }

    public required string Username { get; init; }

    /// <summary>The value of the chosen metric.</summary>
    public required double Score { get; init; }

    /// <summary>Its standard deviation; null if it was not measured.</summary>
    public required double? Std { get; init; }

    public required string? MethodName { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The place on the board, from 1; equal scores have different ones.</summary>
    [JsonIgnore]
    public long Position { get; init; }
}
