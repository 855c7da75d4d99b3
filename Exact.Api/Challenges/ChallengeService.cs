using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;

namespace Exact.Api.Challenges;

/// <summary>Reads challenges.</summary>
internal sealed class ChallengeService(ExactDbContext database)
{
    /// <summary>A page of the challenges, newest first.</summary>
    public async Task<Page<ChallengeResponse>> ListAsync(PageQuery page, CancellationToken cancellationToken)
    {
        var challenges = database.Challenges.AsQueryable();
        if (page.After is [var last])
        {
            challenges = challenges.Where(challenge => challenge.Id < last);
        }

        var rows = await challenges
            .OrderByDescending(challenge => challenge.Id)
            .Take(page.Limit)
            .Select(ChallengeResponse.From(database.Standings))
            .ToListAsync(cancellationToken);
        return await page.PageOfAsync(rows, database.Challenges, cancellationToken);
    }

    /// <summary>The challenge with this public name, or null.</summary>
    public Task<ChallengeResponse?> FindAsync(string challengeId, CancellationToken cancellationToken) =>
        database
            .Challenges.Where(challenge => challenge.ChallengeId == challengeId)
            .Select(ChallengeResponse.From(database.Standings))
            .SingleOrDefaultAsync(cancellationToken);
}
