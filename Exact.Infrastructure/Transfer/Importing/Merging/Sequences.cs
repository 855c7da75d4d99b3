using Exact.Infrastructure.Transfer.Importing.Staging;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Infrastructure.Transfer.Importing.Merging;

/// <summary>The sequences that number new rows.</summary>
internal sealed class Sequences(ImportSql sql, ImportOptions options)
{
    /// <summary>
    /// Raises them to the highest key in <paramref name="places"/>; where that is near the end of the keys, to the last one before the largest
    /// gap, so that new rows still get keys that an import takes. Only upwards, so that no key is given out twice.
    /// </summary>
    public async Task RaiseAsync(
        IEnumerable<StagedTable> tables,
        Func<FixtureTable, string[]> places,
        CancellationToken cancellationToken
    )
    {
        if (options.DryRun)
        {
            return;
        }

        var raise = tables.Select(staged =>
        {
            var table = staged.Table;
            var highest = places(table).Select(place => $"(SELECT max(id) FROM {place})");
            var keys = places(table)
                .Select(place => $"SELECT id FROM {place} WHERE id IS NOT NULL")
                .Prepend("SELECT 0");
            return $"""
                SELECT setval(sequence, used) FROM (
                    SELECT pg_get_serial_sequence('{table.Name}', 'id')::regclass AS sequence,
                        CASE WHEN highest <= {table.MaxKey / 2} THEN highest ELSE (
                            SELECT id FROM (
                                SELECT id, lead(id, 1, {table.MaxKey}) OVER (ORDER BY id) - id AS gap
                                FROM ({string.Join(" UNION ", keys)}) keys (id)
                            ) gaps ORDER BY gap DESC, id LIMIT 1
                        ) END AS used
                    FROM (SELECT greatest({string.Join(", ", highest)}) AS highest) highest
                ) raised
                WHERE used > coalesce(pg_sequence_last_value(sequence), 0)
                """;
        });
        await sql.ExecuteAllAsync(raise, cancellationToken);
    }
}
