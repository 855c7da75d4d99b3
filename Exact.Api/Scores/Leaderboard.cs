using System.Runtime.CompilerServices;
using Exact.Domain;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Database.Configurations;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Exact.Api.Scores;

/// <summary>Ranks a challenge's completed, finite scores that are not disqualified.</summary>
/// <remarks>
/// A page is read from an index in the order of the board: of <c>participants</c> for the best scores, of <c>scores</c> for all. Its cost does
/// not depend on the size of the challenge (docs/decisions/standings.md).
/// </remarks>
internal sealed class Leaderboard(ExactDbContext database)
{
    /// <summary>The rows of a page, or all rows behind the cursor if there is no limit, as they come.</summary>
    public async IAsyncEnumerable<LeaderboardEntry> ReadAsync(
        string challengeId,
        LeaderboardQuery query,
        int? limit,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        var place = Place.Of(query);
        var rows = database.Database.SqlQueryRaw<Row>(Sql(query, limit), [.. Parameters(challengeId, place)]);
        var (last, rank, position) = (place?.Score, place?.Rank ?? 0, place?.Position ?? 0);
        await foreach (var row in rows.AsAsyncEnumerable().WithCancellation(cancellationToken))
        {
            position++;
            rank = row.Score == last ? rank : position;
            last = row.Score;
            yield return new()
            {
                Rank = rank,
                ScoreId = row.Id,
                Username = row.Username,
                Score = row.Score,
                Std = row.Std,
                MethodName = row.MethodName,
                CreatedAt = row.CreatedAt,
                Position = position,
            };
        }
    }

    /// <summary>How many rows the whole board has.</summary>
    public async Task<long> CountAsync(
        string challengeId,
        Board board,
        LeaderboardQuery query,
        CancellationToken cancellationToken
    )
    {
        var metric = query.Metric.OrDefault();
        if (query.Entries.OrDefault() is Entries.Best)
        {
            return (metric is Metric.Emd ? board.Standing?.RankedEmd : board.Standing?.RankedIma) ?? 0;
        }

        var sql = CountSql(metric);
        var count = database.Database.SqlQueryRaw<long>(sql, new NpgsqlParameter("challenge_id", challengeId));
        return await count.SingleAsync(cancellationToken);
    }

    /// <summary>The numbers of a row's cursor: its score, time, key, rank and position.</summary>
    public static long[] PlaceOf(LeaderboardEntry entry) =>
        [
            BitConverter.DoubleToInt64Bits(entry.Score),
            entry.CreatedAt.UtcTicks,
            entry.ScoreId,
            entry.Rank,
            entry.Position,
        ];

    /// <summary>
    /// Merges index scans, each of them in the order of the board and no longer than a page. Behind a cursor, equal scores and lower scores are
    /// two scans, for one alone would have to read all equal scores before the cursor.
    /// </summary>
    internal static string Sql(LeaderboardQuery query, int? limit)
    {
        var page = limit is null ? "" : $"LIMIT {limit}";
        var metric = query.Metric.OrDefault();
        var scans =
            from source in Sources(metric, query.Entries.OrDefault())
            let columns = $"{source.Value} AS score, {source.At} AS created_at, {source.Key} AS id"
            from condition in query.After is null
                ? [""]
                : new[]
                {
                    $"AND {source.Value} = @score AND ({source.At}, {source.Key}) > (@created_at, @id)",
                    $"AND {source.Value} < @score",
                }
            select $"""
                (
                    SELECT {columns} {source.From} {condition}
                    ORDER BY {source.Value} DESC, {source.At}, {source.Key} {page}
                )
                """;
        return $"""
            SELECT page.id, scores.username, page.score, scores.{(metric is Metric.Emd ? "emd" : "ima")}_std AS std,
                scores.method_name, page.created_at
            FROM (
                SELECT * FROM (
                    {string.Join("\nUNION ALL\n", scans)}
                ) scan ORDER BY score DESC, created_at, id {page}
            ) page JOIN scores ON scores.id = page.id
            ORDER BY page.score DESC, page.created_at, page.id
            """;
    }

    private static string CountSql(Metric metric)
    {
        var counts = Sources(metric, Entries.All).Select(source => $"(SELECT count(*) {source.From})");
        return $"SELECT {string.Join(" + ", counts)} AS \"Value\"";
    }

    internal static IEnumerable<NpgsqlParameter> Parameters(string challengeId, Place? place)
    {
        yield return new("challenge_id", challengeId);
        if (place is not null)
        {
            yield return new("score", place.Score);
            yield return new("created_at", place.CreatedAt);
            yield return new("id", place.Id);
        }
    }

    /// <summary>Where the entries are. A score older than the metrics has no EMD score; its primary score counts as one.</summary>
    private static Source[] Sources(Metric metric, Entries entries) =>
        (metric, entries) switch
        {
            (Metric.Emd, Entries.Best) => [Source.Best("best_emd")],
            (Metric.Ima, Entries.Best) => [Source.Best("best_ima")],
            (Metric.Emd, _) => [Source.All("emd_score"), Source.All("score", "AND emd_score IS NULL")],
            _ => [Source.All("ima_score")],
        };

    /// <summary>An index in the order of the board.</summary>
    private sealed record Source(string From, string Value, string At, string Key)
    {
        public static Source Best(string value) =>
            new(
                $"FROM participants WHERE challenge_id = @challenge_id AND {value} IS NOT NULL",
                value,
                $"{value}_at",
                $"{value}_id"
            );

        public static Source All(string value, string condition = "") =>
            new(
                $"""
                FROM scores WHERE challenge_id = @challenge_id AND {ScoreConfiguration.Ranked(value)} {condition}
                    AND NOT EXISTS (SELECT FROM disqualifications d WHERE d.score_id = scores.id)
                """,
                value,
                "created_at",
                "id"
            );
    }

    internal sealed record Row(
        long Id,
        string Username,
        double Score,
        double? Std,
        string? MethodName,
        DateTimeOffset CreatedAt
    );

    /// <summary>The place behind which a page begins.</summary>
    internal sealed record Place(double Score, DateTimeOffset CreatedAt, long Id, long Rank, long Position)
    {
        public static Place? Of(LeaderboardQuery query) =>
            query.After is [var score, var ticks, var id, var rank, var position]
                ? new(BitConverter.Int64BitsToDouble(score), new(ticks, TimeSpan.Zero), id, rank, position)
                : null;
    }
}
