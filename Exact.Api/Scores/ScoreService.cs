using System.Security.Claims;
using Exact.Api.Access;
using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;

namespace Exact.Api.Scores;

/// <summary>Reads scores.</summary>
internal sealed class ScoreService(ExactDbContext database)
{
    /// <summary>A challenge's scores behind the cursor, of all participants or of one, newest first, as they come.</summary>
    /// <param name="challengeId">The challenge.</param>
    /// <param name="username">The only participant; null for all.</param>
    /// <param name="query">Has the cursor.</param>
    /// <param name="limit">The most rows; null for all.</param>
    /// <param name="caller">Who reads, which decides on the error messages.</param>
    public IAsyncEnumerable<ScoreResponse> ReadAsync(
        string challengeId,
        string? username,
        ScoreQuery query,
        int? limit,
        ClaimsPrincipal caller
    )
    {
        var scores = database.Scores.Where(score => score.ChallengeId == challengeId);
        if (username is not null)
        {
            scores = scores.Where(score => score.Username == username);
        }

        if (query.After is [var last])
        {
            scores = scores.Where(score => score.Id < last);
        }

        scores = scores.OrderByDescending(score => score.Id);
        return (limit is { } rows ? scores.Take(rows) : scores)
            .Select(ScoreResponse.From(database, caller.Identity?.Name, caller.IsAdmin()))
            .AsAsyncEnumerable();
    }

    /// <summary>The score of a submission, for its participant; null if there is none.</summary>
    public Task<ScoreResponse?> FindAsync(long submission, CancellationToken cancellationToken) =>
        database
            .Scores.Where(score => database.Submissions.Any(one => one.Id == submission && one.ScoreId == score.Id))
            .Select(ScoreResponse.From(database, reader: null, isAdmin: true))
            .SingleOrDefaultAsync(cancellationToken);

    /// <summary>
    /// All scores of all challenges that are not disqualified, the oldest first, as they come. Those that are still hidden from
    /// the caller are left out.
    /// </summary>
    public IAsyncEnumerable<ScoreResponse> ReadAll(string? caller, string? owner, bool isAdmin)
    {
        var scores = database.Scores.Where(score => !database.Disqualifications.Any(one => one.ScoreId == score.Id));
        if (!isAdmin)
        {
            var hidden =
                from rules in database.ChallengeRules
                join challenge in database.Challenges on rules.ChallengeId equals challenge.ChallengeId
                where rules.HidesScores && challenge.CreatedBy != owner
                where challenge.ClosesOn == null || challenge.ClosesOn > DateTimeOffset.UtcNow
                select challenge.ChallengeId;
            scores = scores.Where(score => score.Username == caller || !hidden.Contains(score.ChallengeId));
        }

        return scores
            .OrderBy(score => score.Id)
            .Select(ScoreResponse.From(database, caller, isAdmin))
            .AsAsyncEnumerable();
    }
}
