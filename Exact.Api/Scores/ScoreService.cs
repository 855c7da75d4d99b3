using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;

namespace Exact.Api.Scores;

/// <summary>Reads scores.</summary>
internal sealed class ScoreService(ExactDbContext database)
{
    /// <summary>A page of a challenge's scores, newest first; null if there is no such challenge.</summary>
    public async Task<Page<ScoreResponse>?> ListAsync(
        string challengeId,
        PageQuery page,
        CancellationToken cancellationToken
    )
    {
        var all = database.Scores.Where(score => score.ChallengeId == challengeId);
        var scores = all;
        if (page.After is [var last])
        {
            scores = scores.Where(score => score.Id < last);
        }

        var rows = await scores
            .OrderByDescending(score => score.Id)
            .Take(page.Limit)
            .Select(ScoreResponse.From)
            .ToListAsync(cancellationToken);
        return rows.Count > 0 || await database.ChallengeExistsAsync(challengeId, cancellationToken)
            ? await page.PageOfAsync(rows, all, cancellationToken)
            : null;
    }
}
