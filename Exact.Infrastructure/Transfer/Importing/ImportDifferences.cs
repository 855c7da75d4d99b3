using Exact.Infrastructure.Database;
using Exact.Infrastructure.Transfer.Mapping;
using Npgsql;

namespace Exact.Infrastructure.Transfer.Importing;

/// <summary>
/// Lists which rows an import that is not committed would remove, update and create. It compares the transaction of the
/// import with what another session sees.
/// </summary>
internal sealed class ImportDifferences(NpgsqlDataSource database, FixtureTables tables)
{
    public const int Limit = 100;

    private const int MaxValue = 120;

    /// <summary>The import has the table for itself only if it was empty.</summary>
    private const string DoNotWait = "SET lock_timeout = 100;";

    /// <summary>Rows that the import has written: its savepoints have later numbers than its transaction.</summary>
    private const string IsWritten = "t.xmin::text::bigint >= @transaction";

    private const string IsEnded = "t.xmax::text::bigint >= @transaction";

    /// <param name="import">The connection of the import, in its transaction.</param>
    /// <param name="limit">How many differences to list.</param>
    /// <param name="cancellationToken">Cancels the reading.</param>
    public async Task<IReadOnlyList<ImportDifference>> ReadAsync(
        NpgsqlConnection import,
        int limit,
        CancellationToken cancellationToken
    )
    {
        var transaction = await ReadTransactionAsync(import, cancellationToken);
        await using var others = await database.OpenConnectionAsync(cancellationToken);
        var found = new List<ImportDifference>();
        foreach (var table in tables.All)
        {
            var ended = await TryReadAsync(others, table, IsEnded, [], transaction, limit * 2, cancellationToken);
            var kept = await ReadAsync(import, table, "t.id = ANY (@ids)", ended.Keys, 0, limit * 2, cancellationToken);
            found.AddRange(
                from row in ended
                where !kept.ContainsKey(row.Key)
                select new ImportDifference(table.Label, row.Key, ImportChange.Removed, Compare(table, row.Value, null))
            );
            var written = await ReadAsync(import, table, IsWritten, [], transaction, limit, cancellationToken);
            var before = await TryReadAsync(
                others,
                table,
                "t.id = ANY (@ids)",
                written.Keys,
                0,
                limit,
                cancellationToken
            );
            found.AddRange(
                from row in written
                let old = before.GetValueOrDefault(row.Key)
                let fields = Compare(table, old, row.Value)
                where fields.Count > 0
                select new ImportDifference(
                    table.Label,
                    row.Key,
                    old is null ? ImportChange.Created : ImportChange.Updated,
                    fields
                )
            );
        }

        // Of each change as many, so that none hides the others.
        return
        [
            .. found
                .GroupBy(one => one.Change)
                .SelectMany(all => all.Index())
                .OrderBy(one => one.Index)
                .Take(limit)
                .Select(one => one.Item)
                .OrderBy(one => one.Change),
        ];
    }

    private static async Task<long> ReadTransactionAsync(NpgsqlConnection import, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT pg_current_xact_id()::xid::text::bigint", import);
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Reads rows that others see; none if the import has locked the table.</summary>
    private static async Task<Dictionary<long, string?[]>> TryReadAsync(
        NpgsqlConnection others,
        FixtureTable table,
        string condition,
        IReadOnlyCollection<long> ids,
        long transaction,
        int limit,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return await ReadAsync(others, table, condition, ids, transaction, limit, cancellationToken, DoNotWait);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable)
        {
            return [];
        }
    }

    private static async Task<Dictionary<long, string?[]>> ReadAsync(
        NpgsqlConnection connection,
        FixtureTable table,
        string condition,
        IReadOnlyCollection<long> ids,
        long transaction,
        int limit,
        CancellationToken cancellationToken,
        string setting = ""
    )
    {
        var values = string.Join(
            ", ",
            table.Fields.Select(field => field == table.Password ? "'(hash)'" : $"t.{field.Column}::text")
        );
        await using var command = new NpgsqlCommand(
            $"""
            {RowSecurity.Off}{setting}
            SELECT t.id, ARRAY[{values}] FROM {table.Name} t
            WHERE {condition} AND @transaction IS NOT NULL AND @ids IS NOT NULL ORDER BY t.id LIMIT {limit}
            """,
            connection
        );
        command.Parameters.AddWithValue("transaction", transaction);
        command.Parameters.AddWithValue("ids", ids.ToArray());
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new Dictionary<long, string?[]>();
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(reader.GetInt64(0), reader.GetFieldValue<string?[]>(1));
        }

        return rows;
    }

    private static List<FieldDifference> Compare(FixtureTable table, string?[]? before, string?[]? after) =>
        [
            .. from field in table.Fields
            let old = before?[field.Index]
            let now = after?[field.Index]
            where old != now
            select new FieldDifference(field.Name, Cut(old), Cut(now)),
        ];

    private static string? Cut(string? value) => value?.Length > MaxValue ? $"{value[..MaxValue]}…" : value;
}

/// <summary>What would become of a row.</summary>
public sealed record ImportDifference(
    string Model,
    long Pk,
    ImportChange Change,
    IReadOnlyList<FieldDifference> Fields
);

/// <param name="Name">The field's name in the file.</param>
/// <param name="Before">Its value now; null if it has none.</param>
/// <param name="After">Its value after the import; null if it has none.</param>
public sealed record FieldDifference(string Name, string? Before, string? After);

public enum ImportChange
{
    Removed,
    Updated,
    Created,
}
