using System.Diagnostics.CodeAnalysis;
using System.Linq.Expressions;
using Exact.Domain;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Submissions;

namespace Exact.Api.Submissions;

/// <summary>The submissions of a challenge to list.</summary>
#nullable disable annotations // see QueryAttribute
internal sealed record SubmissionQuery(
    [Query(Name = "status", Description = "Only submissions in this state.")] Choice<ScoreStatus>? Status = null,
    [Query(Name = "username", Description = "Only submissions of this participant. Participants see only their own.")]
        string Username = null,
    [Query(Name = "limit", Description = PageQuery.LimitDescription)] int Limit = 100,
    [Query(Name = "cursor", Description = PageQuery.CursorDescription)] string Cursor = null,
    [Query(Name = "count", Description = PageQuery.CountDescription)] bool Count = false
) : IPageQuery;

#nullable restore annotations

internal sealed class SubmissionQueryValidator() : PageQueryValidator<SubmissionQuery>(place => place is [_]);

/// <summary>A submission and the state of its evaluation.</summary>
/// <example>
/// {"id": 17, "score_id": 88, "challenge_id": "tetris-saliency", "username": "bob", "method_name": "grad-cam",
/// "original_name": "grad_cam.py", "size": 2048,
/// "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "status": "pending", "place": 3,
/// "submitted_at": "2026-12-03T14:21:05.123456Z", "started_at": null, "finished_at": null, "attempts": 0, "counts": true,
/// "emd_score": null, "emd_std": null, "ima_score": null, "ima_std": null, "error_message": null, "disqualified": null}
/// </example>
internal record SubmissionResponse
{
    public required long Id { get; init; }

    public required long ScoreId { get; init; }

    public required string ChallengeId { get; init; }

    public required string Username { get; init; }

    public required string? MethodName { get; init; }

    /// <summary>The name that the participant gave the file.</summary>
    public required string OriginalName { get; init; }

    /// <summary>The length of the file, in bytes.</summary>
    public required long Size { get; init; }

    /// <summary>The SHA-256 of the file, as 64 hexadecimal digits.</summary>
    public required string Sha256 { get; init; }

    public required ScoreStatus Status { get; init; }

    /// <summary>How many submissions to this challenge are evaluated first, plus one; null unless it is pending.</summary>
    public int? Place { get; init; }

    public required DateTimeOffset SubmittedAt { get; init; }

    public required DateTimeOffset? StartedAt { get; init; }

    public required DateTimeOffset? FinishedAt { get; init; }

    /// <summary>How often a worker has begun the evaluation.</summary>
    public required int Attempts { get; init; }

    /// <summary>Whether it counts against the participant's limits.</summary>
    public required bool Counts { get; init; }

    public required double? EmdScore { get; init; }

    public required double? EmdStd { get; init; }

    public required double? ImaScore { get; init; }

    public required double? ImaStd { get; init; }

    /// <summary>Why the evaluation failed; null unless it failed.</summary>
    public required string? ErrorMessage { get; init; }

    /// <summary>Why the organiser has disqualified it; null if it is not.</summary>
    public required string? Disqualified { get; init; }

    /// <summary>Everything but the place, which is found for a whole page at once.</summary>
    public static Expression<Func<Submission, Score, SubmissionResponse>> From(ExactDbContext database) =>
        (submission, score) =>
            new SubmissionResponse
            {
                Id = submission.Id,
                ScoreId = score.Id,
                ChallengeId = score.ChallengeId,
                Username = score.Username,
                MethodName = score.MethodName,
                OriginalName = submission.OriginalName,
                Size = submission.Size,
                Sha256 = submission.Sha256,
                Status = score.Status,
                SubmittedAt = score.CreatedAt,
                StartedAt = submission.StartedAt,
                FinishedAt = submission.FinishedAt,
                Attempts = submission.Attempts,
                Counts = submission.Counts,
                EmdScore = score.EmdScore,
                EmdStd = score.EmdStd,
                ImaScore = score.ImaScore,
                ImaStd = score.ImaStd,
                ErrorMessage = score.ErrorMessage,
                Disqualified = database
                    .Disqualifications.Where(one => one.ScoreId == score.Id)
                    .Select(one => one.Reason)
                    .FirstOrDefault(),
            };
}

/// <summary>A submission, with what is only for its participant and the organiser.</summary>
/// <example>
/// {"id": 17, "score_id": 88, "challenge_id": "tetris-saliency", "username": "bob", "method_name": "grad-cam",
/// "original_name": "grad_cam.py", "size": 2048,
/// "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "status": "pending", "place": 3,
/// "submitted_at": "2026-12-03T14:21:05.123456Z", "started_at": null, "finished_at": null, "attempts": 0, "counts": true,
/// "emd_score": null, "emd_std": null, "ima_score": null, "ima_std": null, "error_message": null, "disqualified": null,
/// "log": null,
/// "allowance": {"daily_limit": 5, "left_today": 2, "resets_at": "2026-12-04T00:00:00Z", "total_limit": null, "left": null,
/// "summary": "2 of 5 left today, resets at 00:00 UTC"}}
/// </example>
internal sealed record SubmissionDetails : SubmissionResponse
{
    [SetsRequiredMembers]
    public SubmissionDetails(SubmissionResponse submission)
        : base(submission) { }

    /// <summary>The end of the evaluation's output; null before it has ended.</summary>
    public string? Log { get; init; }

    /// <summary>What the participant may still submit to this challenge.</summary>
    public AllowanceResponse? Allowance { get; init; }
}

/// <summary>What a participant may still submit to a challenge.</summary>
/// <example>
/// {"daily_limit": 5, "left_today": 2, "resets_at": "2026-12-04T00:00:00Z", "total_limit": null, "left": null,
/// "summary": "2 of 5 left today, resets at 00:00 UTC"}
/// </example>
internal sealed record AllowanceResponse
{
    /// <summary>How many submissions there are each day; null if there is no limit.</summary>
    public required int? DailyLimit { get; init; }

    /// <summary>How many are left today; null if there is no limit.</summary>
    public required int? LeftToday { get; init; }

    /// <summary>When the next day begins, in UTC.</summary>
    public required DateTimeOffset ResetsAt { get; init; }

    /// <summary>How many submissions there are in all; null if there is no limit.</summary>
    public required int? TotalLimit { get; init; }

    /// <summary>How many are left in all; null if there is no limit.</summary>
    public required int? Left { get; init; }

    /// <summary>The same as a sentence: <c>2 of 5 left today, resets at 00:00 UTC</c>.</summary>
    public required string Summary { get; init; }

    public static AllowanceResponse From(Allowance allowance) =>
        new()
        {
            DailyLimit = allowance.DailyLimit,
            LeftToday = allowance.LeftToday,
            ResetsAt = allowance.ResetsAt,
            TotalLimit = allowance.TotalLimit,
            Left = allowance.Left,
            Summary = allowance.Summary,
        };
}
