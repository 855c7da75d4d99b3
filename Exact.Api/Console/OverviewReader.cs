using Exact.Infrastructure;
using Exact.Infrastructure.Database;
using Npgsql;

namespace Exact.Api.AdminConsole;

/// <summary>Reads who is connected, how large the tables are, and how many scores each day had.</summary>
internal sealed class OverviewReader(NpgsqlDataSource database)
{
    public const int Days = 30;

    /// <summary>The replicas that have a session, by version and host.</summary>
    public Task<IReadOnlyList<Replica>> ReadReplicasAsync(CancellationToken cancellationToken) =>
        ReadAsync(
            """
            SELECT application_name, count(*), min(backend_start) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name LIKE 'exact %' GROUP BY 1 ORDER BY 1
            """,
            reader => new Replica(reader.GetString(0), reader.GetInt64(1), reader.GetFieldValue<DateTimeOffset>(2)),
            cancellationToken
        );

    /// <summary>The tables, the largest first. The rows are PostgreSQL's estimate; null if it has none.</summary>
    public Task<IReadOnlyList<TableSize>> ReadTablesAsync(CancellationToken cancellationToken) =>
        ReadAsync(
            $"""
            SELECT c.relname::text, {RowEstimate.Sql}, pg_total_relation_size(c.oid)
            FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
            ORDER BY 3 DESC, 1
            """,
            reader => new TableSize(reader.GetString(0), reader.GetFieldValue<long?>(1), reader.GetInt64(2)),
            cancellationToken
        );

    /// <summary>The scores of each of the last days, today last.</summary>
    public Task<IReadOnlyList<ScoresOfDay>> ReadScoresAsync(CancellationToken cancellationToken) =>
        ReadAsync(
            $"""
            {RowSecurity.Off}
            SELECT today.day - ago, coalesce(counted.scores, 0)
            FROM (SELECT (now() AT TIME ZONE 'UTC')::date AS day) today
            CROSS JOIN generate_series(0, {Days - 1}) ago
            LEFT JOIN (
                SELECT (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS scores FROM scores
                WHERE created_at > now() - interval '{Days} days' GROUP BY 1
            ) counted ON counted.day = today.day - ago
            ORDER BY 1
            """,
            reader => new ScoresOfDay(reader.GetFieldValue<DateOnly>(0), reader.GetInt64(1)),
            cancellationToken
        );

    private async Task<IReadOnlyList<T>> ReadAsync<T>(
        string sql,
        Func<NpgsqlDataReader, T> map,
        CancellationToken cancellationToken
    )
    {
        await using var command = database.CreateShortCommand(sql);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(map(reader));
        }

        return rows;
    }
}

/// <param name="Application">Its <c>application_name</c>: <c>exact VERSION HOST</c>.</param>
internal sealed record Replica(string Application, long Sessions, DateTimeOffset Since)
{
    public string Version => Application.Split(' ', 3)[1];

    public string Host => Application.Split(' ', 3) is [_, _, var host] ? host : "";

    public bool IsOld => Version != Product.Version;
}

internal sealed record TableSize(string Name, long? Rows, long Bytes);

internal sealed record ScoresOfDay(DateOnly Day, long Count);
