using Exact.Domain;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Database.Configurations;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Exact.Api.Scores;

/// <summary>Ranks a challenge's completed, finite scores.</summary>
/// <remarks>
/// The ranking reads only the indexes of the metric (see <see cref="ScoreConfiguration"/>); the table is read for the rows of the page.
/// </remarks>
internal sealed class Leaderboard(ExactDbContext database)
{
    /// <summary>A page of the leaderboard; null if there is no such challenge.</summary>
    public async Task<Page<LeaderboardEntry>?> ReadAsync(
        string challengeId,
        LeaderboardQuery query,
        CancellationToken cancellationToken
    )
    {
        var rows = await database
            .Database.SqlQueryRaw<LeaderboardEntry>(Sql(query), [.. Parameters(challengeId, query)])
            .ToListAsync(cancellationToken);
        return rows.Count > 0 || await database.ChallengeExistsAsync(challengeId, cancellationToken)
            ? new(
                rows,
                rows is [var first, ..] ? first.Total
                    : query.Cursor is null ? 0
                    : null
            )
            : null;
    }

    /// <summary>The numbers of a row's cursor: its score, time and key.</summary>
    public static long[] PlaceOf(LeaderboardEntry entry) =>
        [BitConverter.DoubleToInt64Bits(entry.Score), entry.CreatedAt.UtcTicks, entry.ScoreId];

    internal static string Sql(LeaderboardQuery query)
    {
        var metric = query.Metric.OrDefault();
        var entries = query.Entries.OrDefault();
        var behindCursor = query.After is null
            ? ""
            : "WHERE (score < @score OR (score = @score AND (created_at, id) > (@created_at, @id)))";
        return $"""
            WITH entries AS (
                {Entries(metric, entries)}
            ), ranked AS (
                SELECT rank() OVER (ORDER BY score DESC) AS rank, count(*) OVER () AS total, id, created_at, score
                FROM entries
            ), page AS (
                SELECT * FROM ranked {behindCursor} ORDER BY score DESC, created_at, id LIMIT @limit
            )
            SELECT page.rank, page.id AS score_id, scores.username, page.score,
                scores.{(
                metric is Metric.Emd ? "emd" : "ima"
            )}_std AS std, scores.method_name, page.created_at, page.total
            FROM page JOIN scores USING (id)
            ORDER BY page.score DESC, page.created_at, page.id
            """;
    }

    /// <summary>The entries to rank. A score older than the metrics has no EMD score; its primary score counts as one.</summary>
    private static string Entries(Metric metric, Entries entries)
    {
        if (metric is Metric.Ima)
        {
            return Entries("ima_score", "", entries);
        }

        var withMetric = Entries("emd_score", "", entries);
        var without = Entries("score", "AND emd_score IS NULL", entries);
        var both = $"({withMetric}) UNION ALL ({without})";
        return entries is Scores.Entries.Best
            ? $"SELECT DISTINCT ON (username) * FROM ({both}) both_kinds ORDER BY username, score DESC, created_at, id"
            : both;
    }

    /// <summary>The entries that have this metric, read from its index alone.</summary>
    private static string Entries(string column, string condition, Entries entries)
    {
        var isBest = entries is Scores.Entries.Best;
        return $"""
            SELECT {(isBest ? "DISTINCT ON (username)" : "")} id, username, created_at, {column} AS score FROM scores
            WHERE challenge_id = @challenge_id AND {ScoreConfiguration.Ranked(column)} {condition}
            {(isBest ? $"ORDER BY username, {column} DESC, created_at, id" : "")}
            """;
    }

    internal static IEnumerable<NpgsqlParameter> Parameters(string challengeId, LeaderboardQuery query)
    {
        yield return new("challenge_id", challengeId);
        yield return new("limit", query.Limit);
        if (query.After is [var score, var ticks, var id])
        {
            yield return new("score", BitConverter.Int64BitsToDouble(score));
            yield return new("created_at", new DateTimeOffset(ticks, TimeSpan.Zero));
            yield return new("id", id);
        }
    }
}
