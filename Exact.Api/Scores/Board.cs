using System.Security.Claims;
using Exact.Api.Access;
using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;

namespace Exact.Api.Scores;

/// <summary>What every list of a challenge's scores has to know of the challenge.</summary>
internal sealed record Board
{
    /// <summary>Whether the rules hide the scores until the challenge closes, by the database's clock.</summary>
    public required bool IsHidden { get; init; }

    public required DateTimeOffset? ClosesOn { get; init; }

    /// <summary>The user name of the organiser.</summary>
    public required string CreatedBy { get; init; }

    /// <summary>The number of scores, of every state.</summary>
    public required long Scores { get; init; }

    /// <summary>The number of participants with a best EMD.</summary>
    public required int RankedEmd { get; init; }

    /// <summary>The number of participants with a best IMA.</summary>
    public required int RankedIma { get; init; }

    /// <summary>The number of scores that rank by EMD.</summary>
    public required long RankedEmdScores { get; init; }

    /// <summary>The number of scores that rank by IMA.</summary>
    public required long RankedImaScores { get; init; }

    private static readonly Func<ExactDbContext, string, CancellationToken, Task<Board?>> Find = EF.CompileAsyncQuery(
        (ExactDbContext database, string challengeId, CancellationToken _) =>
            (
                from challenge in database.Challenges
                where challenge.ChallengeId == challengeId
                select new Board
                {
                    IsHidden =
                        (challenge.ClosesOn == null || challenge.ClosesOn > DateTimeOffset.UtcNow)
                        && database.ChallengeRules.Any(rules => rules.ChallengeId == challengeId && rules.HidesScores),
                    ClosesOn = challenge.ClosesOn,
                    CreatedBy = challenge.CreatedBy,
                    Scores = database
                        .Standings.Where(standing => standing.ChallengeId == challengeId)
                        .Sum(standing => standing.Scores),
                    RankedEmd = database
                        .Standings.Where(standing => standing.ChallengeId == challengeId)
                        .Sum(standing => standing.RankedEmd),
                    RankedIma = database
                        .Standings.Where(standing => standing.ChallengeId == challengeId)
                        .Sum(standing => standing.RankedIma),
                    RankedEmdScores = database
                        .Standings.Where(standing => standing.ChallengeId == challengeId)
                        .Sum(standing => standing.RankedEmdScores),
                    RankedImaScores = database
                        .Standings.Where(standing => standing.ChallengeId == challengeId)
                        .Sum(standing => standing.RankedImaScores),
                }
            ).SingleOrDefault()
    );

    /// <summary>The board of the challenge with this public name; null if there is none.</summary>
    public static Task<Board?> FindAsync(
        ExactDbContext database,
        string challengeId,
        CancellationToken cancellationToken
    ) => Find(database, challengeId, cancellationToken);

    /// <summary>Whether the caller may not see the scores of others yet: neither the organiser nor an administrator.</summary>
    public bool IsHiddenFrom(ClaimsPrincipal user) => IsHidden && !user.IsAdmin() && user.Identity?.Name != CreatedBy;
}
