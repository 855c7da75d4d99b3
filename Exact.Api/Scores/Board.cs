using Exact.Domain;
using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;

namespace Exact.Api.Scores;

/// <summary>What every list of a challenge's scores has to know of the challenge.</summary>
internal sealed record Board
{
    /// <summary>Whether the rules hide the scores until the challenge closes, by the database's clock.</summary>
    public required bool IsHidden { get; init; }

    public required DateTimeOffset? ClosesOn { get; init; }

    /// <summary>The counts; null if the challenge has no scores.</summary>
    public required Standing? Standing { get; init; }

    private static readonly Func<ExactDbContext, string, CancellationToken, Task<Board?>> Find = EF.CompileAsyncQuery(
        (ExactDbContext database, string challengeId, CancellationToken _) =>
            (
                from challenge in database.Challenges
                where challenge.ChallengeId == challengeId
                from rules in database
                    .ChallengeRules.Where(rules => rules.ChallengeId == challenge.ChallengeId)
                    .DefaultIfEmpty()
                from standing in database
                    .Standings.Where(standing => standing.ChallengeId == challenge.ChallengeId)
                    .DefaultIfEmpty()
                select new Board
                {
                    IsHidden =
                        rules != null
                        && rules.HidesScores
                        && (challenge.ClosesOn == null || challenge.ClosesOn > DateTimeOffset.UtcNow),
                    ClosesOn = challenge.ClosesOn,
                    Standing = standing,
                }
            )
                .AsNoTracking()
                .SingleOrDefault()
    );

    /// <summary>The board of the challenge with this public name; null if there is none.</summary>
    public static Task<Board?> FindAsync(
        ExactDbContext database,
        string challengeId,
        CancellationToken cancellationToken
    ) => Find(database, challengeId, cancellationToken);
}
