using System.Globalization;
using System.Runtime.CompilerServices;
using Exact.Api.Http;
using Exact.Domain;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Database.Configurations;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Exact.Api.Scores;

/// <summary>Ranks a challenge's completed, finite scores that are not disqualified.</summary>
/// <remarks>
/// A page is read from an index in the order of the board: of <c>participants</c> for the best scores, of
/// <c>scores</c> for all. Its cost does
/// not depend on the size of the challenge (docs/decisions/standings.md).
/// </remarks>
internal sealed class Leaderboard(ExactDbContext database, PublicReads reads)
{
    /// <summary>The board and a page of its rows, read together; null if there is no such challenge.</summary>
    public async Task<(Board Board, List<LeaderboardEntry> Rows)?> FindAsync(
        string challengeId,
        LeaderboardQuery query,
        Place? place,
        CancellationToken cancellationToken
    )
    {
        var sql = $"{RowSecurity.Off}{Board.Sql};\n{PageSql(query, place is not null, query.Limit)}";
        await using var command = reads.Source.CreateShortCommand(sql);
        command.Parameters.AddRange(Parameters(challengeId, place).ToArray());
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (await Board.ReadAsync(reader, cancellationToken) is not { } board)
        {
            return null;
        }

        await reader.NextResultAsync(cancellationToken);
        return (board, await RankAsync(reader, place, cancellationToken).ToListAsync(cancellationToken));
    }

    /// <summary>All rows behind the place, as they come.</summary>
    public async IAsyncEnumerable<LeaderboardEntry> ReadAsync(
        string challengeId,
        LeaderboardQuery query,
        Place? place,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        await using var command = reads.Source.CreateShortCommand(
            RowSecurity.Off + PageSql(query, place is not null, null)
        );
        command.Parameters.AddRange(Parameters(challengeId, place).ToArray());
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await foreach (var entry in RankAsync(reader, place, cancellationToken))
        {
            yield return entry;
        }
    }

    private static async IAsyncEnumerable<LeaderboardEntry> RankAsync(
        NpgsqlDataReader rows,
        Place? place,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        var (last, rank, position) = (place?.Score, place?.Rank ?? 0, place?.Position ?? 0);
        while (await rows.ReadAsync(cancellationToken))
        {
            var score = rows.GetDouble(2);
            position++;
            rank = score == last ? rank : position;
            last = score;
            yield return new()
            {
                Rank = rank,
                ScoreId = rows.GetInt64(0),
                Username = rows.GetString(1),
                Score = score,
                Std = rows.GetFieldValue<double?>(3),
                MethodName = rows.IsDBNull(4) ? null : rows.GetString(4),
                CreatedAt = rows.GetFieldValue<DateTimeOffset>(5),
                Position = position,
            };
        }
    }

    /// <summary>How many rows the whole board has.</summary>
    public static long Count(Board board, LeaderboardQuery query) =>
        (query.Metric.OrDefault(), query.Entries.OrDefault()) switch
        {
            (Metric.Emd, Entries.Best) => board.RankedEmd,
            (Metric.Emd, _) => board.RankedEmdScores,
            (_, Entries.Best) => board.RankedIma,
            _ => board.RankedImaScores,
        };

    /// <summary>The numbers of a row's cursor: its score, time, key, rank and position.</summary>
    public static long[] PlaceOf(LeaderboardEntry entry) =>
        [
            BitConverter.DoubleToInt64Bits(entry.Score),
            entry.CreatedAt.UtcTicks,
            entry.ScoreId,
            entry.Rank,
            entry.Position,
        ];

    /// <summary>The place behind which a page begins that has the best score of this participant in its middle.</summary>
    /// <returns>Whether the participant is on the board, and the place; null where the page is the first one.</returns>
    public async Task<(bool IsRanked, Place? Place)> FindPlaceAsync(
        string challengeId,
        string username,
        LeaderboardQuery query,
        CancellationToken cancellationToken
    )
    {
        var metric = query.Metric.OrDefault();
        var participants = database.Participants.Where(p => p.ChallengeId == challengeId && p.Username == username);
        var own = await participants
            .Select(p =>
                metric == Metric.Emd
                    ? new OwnPlace(p.BestEmd, p.BestEmdAt, p.BestEmdId)
                    : new OwnPlace(p.BestIma, p.BestImaAt, p.BestImaId)
            )
            .SingleOrDefaultAsync(cancellationToken);
        if (own is not { Score: { } score, CreatedAt: { } at, Id: { } id })
        {
            return (false, null);
        }

        NpgsqlParameter[] parameters = [.. Parameters(challengeId, new(score, at, id, 0, 0))];
        var places = database.Database.SqlQueryRaw<Place>(PlaceSql(query), parameters);
        return (true, await places.SingleOrDefaultAsync(cancellationToken));
    }

    /// <summary>A page, behind a place or from the beginning.</summary>
    internal static string PageSql(LeaderboardQuery query, bool hasPlace, int? limit)
    {
        var metric = query.Metric.OrDefault();
        return $"""
            SELECT page.id, scores.username, page.score, scores.{(metric is Metric.Emd ? "emd" : "ima")}_std AS std,
                scores.method_name, page.created_at
            FROM (
                {Merge(query, hasPlace ? Behind : null, "score DESC, created_at, id", limit)}
            ) page JOIN scores ON scores.id = page.id
            ORDER BY page.score DESC, page.created_at, page.id
            """;
    }

    /// <summary>
    /// The place that is half a page and one row before a row. To number it takes a count of the better rows; the
    /// index has them, but they are as
    /// many as they are.
    /// </summary>
    internal static string PlaceSql(LeaderboardQuery query)
    {
        const string backwards = "score, created_at DESC, id DESC";
        var half = query.Limit / 2;
        var sources = Sources(query.Metric.OrDefault(), query.Entries.OrDefault());
        string Count(string condition) =>
            string.Join(" + ", sources.Select(source => $"(SELECT count(*) {source.From} AND {source.Of(condition)})"));
        return $"""
            SELECT score, created_at, id, better + 1 AS rank,
                better + {Count("{0} = place.score AND ({1}, {2}) <= (place.created_at, place.id)")} AS position
            FROM (
                SELECT *, {Count("{0} > place.score")} AS better
                FROM (
                    SELECT * FROM ({Merge(query, Before, backwards, half + 1)}) nearest
                    ORDER BY {backwards} OFFSET {half}
                ) place
            ) place
            """;
    }

    private static readonly string[] Behind = ["{0} = @score AND ({1}, {2}) > (@created_at, @id)", "{0} < @score"];

    private static readonly string[] Before = ["{0} = @score AND ({1}, {2}) < (@created_at, @id)", "{0} > @score"];

    /// <summary>
    /// Merges index scans, each of them in the order of the board and no longer than a page. On one side of a place,
    /// equal scores and others are
    /// two scans, for one alone would have to read all equal scores on the other side.
    /// </summary>
    private static string Merge(LeaderboardQuery query, string[]? conditions, string order, int? limit)
    {
        var page = limit is null ? "" : $"LIMIT {limit}";
        string[] scans =
        [
            .. from source in Sources(query.Metric.OrDefault(), query.Entries.OrDefault())
            from condition in conditions ?? ["true"]
            select $"""
                (
                    SELECT {source.Of("{0} AS score, {1} AS created_at, {2} AS id")} {source.From} AND {source.Of(
                    condition
                )}
                    ORDER BY {order} {page}
                )
                """,
        ];
        return scans is [var scan]
            ? scan
            : $"SELECT * FROM ({string.Join("\nUNION ALL\n", scans)}) scan ORDER BY {order} {page}";
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
        /// <summary>SQL with the names of its columns.</summary>
        public string Of(string sql) => string.Format(CultureInfo.InvariantCulture, sql, Value, At, Key);

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

    private sealed record OwnPlace(double? Score, DateTimeOffset? CreatedAt, long? Id);

    /// <summary>The place of a row, behind which a page begins.</summary>
    internal sealed record Place(double Score, DateTimeOffset CreatedAt, long Id, long Rank, long Position)
    {
        public static Place? Of(LeaderboardQuery query) =>
            query.After is [var score, var ticks, var id, var rank, var position]
                ? new(BitConverter.Int64BitsToDouble(score), new(ticks, TimeSpan.Zero), id, rank, position)
                : null;
    }
}
