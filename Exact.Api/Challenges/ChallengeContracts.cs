using System.Diagnostics.CodeAnalysis;
using System.Linq.Expressions;
using System.Text.Json.Serialization;
using Exact.Domain;
using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;

namespace Exact.Api.Challenges;

/// <summary>A challenge.</summary>
/// <example>
/// {"challenge_id": "tetris-saliency", "title": "Tetris saliency", "description": "Explain which tiles matter.",
/// "created_at": "2026-11-26T09:00:00Z", "created_by": "ada", "opens_on": null, "closes_on": "2027-01-31T23:00:00Z",
/// "state": "open",
/// "rules": {"daily_limit": 5, "total_limit": 100, "max_bytes": 1048576, "accepted_types": [".py", ".zip"], "hides_scores": true},
/// "participant_count": 42, "dataset": "0d9f2c7e41b84d6a", "mlmodel": null, "xaimethod": null}
/// </example>
internal record ChallengeResponse
{
    /// <summary>The public name.</summary>
    public required string ChallengeId { get; init; }

    public required string Title { get; init; }

    public required string Description { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The organiser's user name.</summary>
    public required string CreatedBy { get; init; }

    /// <summary>When submissions begin, in UTC; null if there was no such time.</summary>
    public DateTimeOffset? OpensOn { get; init; }

    /// <summary>When it closes, in UTC; null if it stays open.</summary>
    public required DateTimeOffset? ClosesOn { get; init; }

    public required ChallengeState State { get; init; }

    /// <summary>What is demanded of submissions; null if nothing is.</summary>
    public RuleFields? Rules { get; init; }

    /// <summary>The number of participants that have a score of any status.</summary>
    public required int ParticipantCount { get; init; }

    /// <summary>The name of the stored dataset; null if there is none.</summary>
    public required string? Dataset { get; init; }

    /// <summary>The name of the stored model; null if there is none.</summary>
    public required string? Mlmodel { get; init; }

    /// <summary>The name of the stored method template; null if there is none.</summary>
    public required string? Xaimethod { get; init; }

    /// <summary>The place in the list.</summary>
    [JsonIgnore]
    public long Key { get; init; }

    /// <summary>The title as the database compares it.</summary>
    [JsonIgnore]
    public string SortedTitle { get; init; } = "";

    public static Expression<Func<RuledChallenge, ChallengeResponse>> From(IQueryable<Standing> standings) =>
        ruled => new ChallengeResponse
        {
            ChallengeId = ruled.Challenge.ChallengeId,
            Title = ruled.Challenge.Title,
            Description = ruled.Challenge.Description,
            CreatedAt = ruled.Challenge.CreatedAt,
            CreatedBy = ruled.Challenge.CreatedBy,
            OpensOn = ruled.Rules!.OpensOn,
            State =
                ruled.Challenge.ClosesOn <= DateTimeOffset.UtcNow ? ChallengeState.Closed
                : ruled.Rules!.OpensOn > DateTimeOffset.UtcNow ? ChallengeState.Upcoming
                : ChallengeState.Open,
            Rules = ruled.Rules == null ? null : RuleFields.Of(ruled.Rules),
            ClosesOn = ruled.Challenge.ClosesOn,
            ParticipantCount = standings
                .Where(standing => standing.ChallengeId == ruled.Challenge.ChallengeId)
                .Sum(standing => standing.Participants),
            Dataset = ruled.Challenge.Dataset,
            Mlmodel = ruled.Challenge.Mlmodel,
            Xaimethod = ruled.Challenge.Xaimethod,
            Key = ruled.Challenge.Id,
            SortedTitle = ruled.Challenge.Title.ToLower(),
        };
}

/// <summary>A challenge with its rules, if it has any.</summary>
internal sealed class RuledChallenge
{
    public required Challenge Challenge { get; init; }

    public required ChallengeRules? Rules { get; init; }

    public static IQueryable<RuledChallenge> In(ExactDbContext database) =>
        from challenge in database.Challenges.AsNoTracking()
        join one in database.ChallengeRules on challenge.ChallengeId equals one.ChallengeId into found
        from rules in found.DefaultIfEmpty()
        select new RuledChallenge { Challenge = challenge, Rules = rules };
}

/// <summary>Whether a challenge takes submissions, by the clock of the database.</summary>
internal enum ChallengeState
{
    Open,
    Upcoming,
    Closed,
}

/// <summary>A challenge with the descriptions of its files.</summary>
/// <example>
/// {"challenge_id": "tetris-saliency", "title": "Tetris saliency", "description": "Explain which tiles matter.",
/// "created_at": "2026-11-26T09:00:00Z", "created_by": "ada", "opens_on": null, "closes_on": "2027-01-31T23:00:00Z",
/// "state": "open",
/// "rules": {"daily_limit": 5, "total_limit": 100, "max_bytes": 1048576, "accepted_types": [".py", ".zip"], "hides_scores": true},
/// "participant_count": 42, "dataset": "0d9f2c7e41b84d6a", "mlmodel": null, "xaimethod": null,
/// "files": [{"kind": "dataset", "name": "tetris.npz", "content_type": "application/octet-stream", "size": 52428800,
/// "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "created_at": "2026-11-26T09:00:00Z"}]}
/// </example>
internal sealed record ChallengeMetadata : ChallengeResponse
{
    [SetsRequiredMembers]
    public ChallengeMetadata(ChallengeResponse challenge, IReadOnlyList<FileResponse> files)
        : base(challenge) => Files = files;

    public IReadOnlyList<FileResponse> Files { get; }
}

/// <summary>A file of a challenge.</summary>
/// <example>
/// {"kind": "dataset", "name": "tetris.npz", "content_type": "application/octet-stream", "size": 52428800,
/// "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "created_at": "2026-11-26T09:00:00Z"}
/// </example>
internal sealed record FileResponse
{
    /// <summary>One of dataset, mlmodel, xaimethod.</summary>
    public required string Kind { get; init; }

    /// <summary>The name that it was uploaded with.</summary>
    public required string Name { get; init; }

    public required string ContentType { get; init; }

    /// <summary>In bytes.</summary>
    public required long Size { get; init; }

    public required string Sha256 { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }
}
