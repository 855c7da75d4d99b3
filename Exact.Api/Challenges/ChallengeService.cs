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
        if (query == ChallengeQuery.Default)
        {
            var all = await Default(database).ToListAsync(cancellationToken);
            return new(all, all.Count);
        }

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

    /// <summary>The list as most visitors ask for it, translated to SQL once.</summary>
    private static readonly Func<ExactDbContext, IAsyncEnumerable<ChallengeResponse>> Default = EF.CompileAsyncQuery(
        (ExactDbContext database) =>
            ChallengeQuery
                .Default.PageOf(RuledChallenge.In(database))
                .Select(ChallengeResponse.From(database.Standings))
    );

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
