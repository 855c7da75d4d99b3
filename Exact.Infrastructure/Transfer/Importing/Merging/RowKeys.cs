using Exact.Infrastructure.Transfer.Importing.Staging;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Infrastructure.Transfer.Importing.Merging;

/// <summary>Gives every staged record the key of the row that it makes or changes.</summary>
internal sealed class RowKeys(ImportSql sql, ImportTally tally)
{
    /// <summary>A record without a key is the row with its natural key, as in Django, or a new one, in the order of the file.</summary>
    public async Task FindAsync(StagedTable staged, CancellationToken cancellationToken)
    {
        if (!staged.HasRowsWithoutKey)
        {
            return;
        }

        var table = staged.Table;
        if (table.NaturalKey is { } natural)
        {
            await sql.ExecuteAsync(
                $"""
                UPDATE {table.Staging} s SET id = t.id FROM {table.Name} t WHERE s.id IS NULL AND t.{natural} = s.{natural};
                UPDATE {table.Staging} s SET id = other.id
                FROM (SELECT {natural}, max(id) AS id FROM {table.Staging} WHERE id IS NOT NULL GROUP BY {natural}) other
                WHERE s.id IS NULL AND other.{natural} = s.{natural}
                """,
                cancellationToken
            );
        }

        // Above every key that is taken, will be taken by this file, or was given out by the sequence.
        await sql.ExecuteAsync(
            $"""
            UPDATE {table.Staging} s SET id = last.id + new.nth
            FROM (
                SELECT record, dense_rank() OVER (ORDER BY first) AS nth
                FROM (
                    SELECT record, min(record) OVER (PARTITION BY {table.NaturalKey ?? "record"}) AS first
                    FROM {table.Staging} WHERE id IS NULL
                ) keyless
            ) new,
            (
                SELECT greatest(
                    {Sequences.LastKey(table, [table.Name, table.Staging])},
                    (SELECT last_value - (NOT is_called)::int FROM {await SequenceAsync(table, cancellationToken)}),
                    0) AS id
            ) last
            WHERE s.record = new.record
            """,
            cancellationToken
        );
    }

    /// <summary>Of records with the same key, the last counts.</summary>
    public async Task DropReplacedAsync(StagedTable staged, CancellationToken cancellationToken)
    {
        if (staged.KeysRise)
        {
            return;
        }

        var replaced = await sql.ExecuteAsync(
            $"""
            DELETE FROM {staged.Table.Staging} s
            USING (SELECT id, max(record) AS record FROM {staged.Table.Staging} GROUP BY id HAVING count(*) > 1) last
            WHERE s.id = last.id AND s.record < last.record
            """,
            cancellationToken
        );
        tally.SkipReplaced(staged.Table, replaced);
    }

    private async Task<string> SequenceAsync(FixtureTable table, CancellationToken cancellationToken)
    {
        await using var command = sql.Command($"SELECT pg_get_serial_sequence('{table.Name}', 'id')");
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
