using Exact.Infrastructure.Transfer.Importing.Staging;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Infrastructure.Transfer.Importing.Merging;

/// <summary>The sequences that number new rows.</summary>
internal sealed class Sequences(ImportSql sql, ImportOptions options)
{
    /// <summary>
    /// The key after which new rows get theirs, as SQL: the highest one; where that is in the upper half, the last one
    /// before the largest gap, so that an export of the new rows can be imported. 0 if there is none.
    /// </summary>
    public static string LastKey(FixtureTable table, string[] places)
    {
        var highest = places.Select(place => $"(SELECT max(id) FROM {place})");
        var keys = places.Select(place => $"SELECT id FROM {place} WHERE id IS NOT NULL").Prepend("SELECT 0");
        return $"""
            (
                SELECT CASE WHEN highest <= {table.MaxKey / 2} THEN highest ELSE (
                    SELECT id FROM (
                        SELECT id, lead(id, 1, {table.MaxKey}) OVER (ORDER BY id) - id AS gap
                        FROM ({string.Join(" UNION ", keys)}) keys (id)
                    ) gaps ORDER BY gap DESC, id LIMIT 1
                ) END
                FROM (SELECT greatest({string.Join(", ", highest)}) AS highest) highest
            )
            """;
    }

    /// <summary>
    /// Raises them to the <see cref="LastKey"/> of <paramref name="places"/>. Only upwards, so that no key is given out
    /// twice.
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
            $"""
                SELECT setval(sequence, used) FROM (
                    SELECT pg_get_serial_sequence('{staged.Table.Name}', 'id')::regclass AS sequence,
                        {LastKey(staged.Table, places(staged.Table))} AS used
                ) last
                WHERE used > coalesce(pg_sequence_last_value(sequence), 0)
                """
        );
        await sql.ExecuteAllAsync(raise, cancellationToken);
    }
}
