using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;

namespace Exact.Api.Scores;

/// <summary>Reads scores.</summary>
internal sealed class ScoreService(ExactDbContext database)
{
    /// <summary>A challenge's scores behind the cursor, of all participants or of one, newest first, as they come.</summary>
    public IAsyncEnumerable<ScoreResponse> ReadAsync(string challengeId, string? username, ScoreQuery query, int? limit)
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
        return (limit is { } rows ? scores.Take(rows) : scores).Select(ScoreResponse.From).AsAsyncEnumerable();
    }
}
