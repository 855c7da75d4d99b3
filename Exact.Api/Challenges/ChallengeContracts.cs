using System.Linq.Expressions;
using System.Text.Json.Serialization;
using Exact.Domain;

namespace Exact.Api.Challenges;

/// <summary>A challenge.</summary>
internal sealed record ChallengeResponse
{
    /// <summary>The public name.</summary>
    public required string ChallengeId { get; init; }

    public required string Title { get; init; }

    public required string Description { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The organiser's user name.</summary>
    public required string CreatedBy { get; init; }

    /// <summary>When it closes, in UTC; null if it stays open.</summary>
    public required DateTimeOffset? ClosesOn { get; init; }

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

    public static Expression<Func<Challenge, ChallengeResponse>> From(IQueryable<Standing> standings) =>
        challenge => new ChallengeResponse
        {
            ChallengeId = challenge.ChallengeId,
            Title = challenge.Title,
            Description = challenge.Description,
            CreatedAt = challenge.CreatedAt,
            CreatedBy = challenge.CreatedBy,
            ClosesOn = challenge.ClosesOn,
            ParticipantCount = standings
                .Where(standing => standing.ChallengeId == challenge.ChallengeId)
                .Sum(standing => standing.Participants),
            Dataset = challenge.Dataset,
            Mlmodel = challenge.Mlmodel,
            Xaimethod = challenge.Xaimethod,
            Key = challenge.Id,
        };
}
