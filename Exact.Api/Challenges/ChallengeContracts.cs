using System.Linq.Expressions;
using System.Text.Json.Serialization;
using Exact.Domain;

namespace Exact.Api.Challenges;

/// <summary>A challenge as the API shows it.</summary>
/// <param name="ChallengeId">The public name.</param>
/// <param name="CreatedBy">The organiser's user name.</param>
/// <param name="ClosesOn">When it closes, in UTC; null if it stays open.</param>
/// <param name="ParticipantCount">How many different participants have a score, in whatever status.</param>
/// <param name="Dataset">The stored file's name; null if there is none. So for <paramref name="Mlmodel"/> and <paramref name="Xaimethod"/>.</param>
internal sealed record ChallengeResponse(
    string ChallengeId,
    string Title,
    string Description,
    DateTimeOffset CreatedAt,
    string CreatedBy,
    DateTimeOffset? ClosesOn,
    int ParticipantCount,
    string? Dataset,
    string? Mlmodel,
    string? Xaimethod
)
{
    /// <summary>The place in the list.</summary>
    [JsonIgnore]
    public long Key { get; init; }

    public static Expression<Func<Challenge, ChallengeResponse>> From(IQueryable<Score> scores) =>
        challenge => new ChallengeResponse(
            challenge.ChallengeId,
            challenge.Title,
            challenge.Description,
            challenge.CreatedAt,
            challenge.CreatedBy,
            challenge.ClosesOn,
            scores
                .Where(score => score.ChallengeId == challenge.ChallengeId)
                .Select(score => score.Username)
                .Distinct()
                .Count(),
            challenge.Dataset,
            challenge.Mlmodel,
            challenge.Xaimethod
        )
        {
            Key = challenge.Id,
        };
}
