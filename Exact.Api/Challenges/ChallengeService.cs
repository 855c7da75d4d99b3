using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;

namespace Exact.Api.Challenges;

/// <summary>Reads challenges.</summary>
internal sealed class ChallengeService(ExactDbContext database)
{
    /// <summary>A page of the challenges.</summary>
    public async Task<Page<ChallengeResponse>> ListAsync(
        ChallengeQuery query,
        string? caller,
        CancellationToken cancellationToken
    )
    {
        var challenges = query.Filter(RuledChallenge.In(database), caller);
        var rows = await query
            .PageOf(challenges)
            .Select(ChallengeResponse.From(database.Standings))
            .ToListAsync(cancellationToken);
        return await query.PageOfAsync(rows, challenges, cancellationToken);
    }

    /// <summary>The challenge with this public name, or null.</summary>
    public Task<ChallengeResponse?> FindAsync(string challengeId, CancellationToken cancellationToken) =>
        Find(database, challengeId, cancellationToken);

    private static readonly Func<ExactDbContext, string, CancellationToken, Task<ChallengeResponse?>> Find =
        EF.CompileAsyncQuery(
            (ExactDbContext database, string challengeId, CancellationToken _) =>
                RuledChallenge
                    .In(database)
                    .Where(one => one.Challenge.ChallengeId == challengeId)
                    .Select(ChallengeResponse.From(database.Standings))
                    .SingleOrDefault()
        );
}
