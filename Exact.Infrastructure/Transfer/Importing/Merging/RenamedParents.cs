using Exact.Infrastructure.Standings;
using Exact.Infrastructure.Transfer.Importing.Staging;
using Exact.Infrastructure.Transfer.Importing.Writing;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Infrastructure.Transfer.Importing.Merging;

/// <summary>Rows that get another name, by which other rows refer to them.</summary>
internal sealed class RenamedParents(ImportSql sql, StagingArea staging, ImportOptions options)
{
    /// <summary>
    /// Drops the foreign keys to such rows, for those that are staged get the new name later in the merge. Others get
    /// it here. Rare enough to
    /// let readers wait.
    /// </summary>
    /// <returns>The foreign keys, to be built again.</returns>
    public async Task<List<DroppedIndexes>> ReleaseAsync(
        IEnumerable<StagedTable> tables,
        CancellationToken cancellationToken
    )
    {
        var released = new List<DroppedIndexes>();
        foreach (var table in tables.Select(staged => staged.Table))
        {
            var names = staging.ReferencesByName(table).Select(pair => pair.Reference.Parent!.Column).Distinct();
            foreach (var name in names.Select(column => table.Find(column)!))
            {
                var renamed = $"""
                    {table.Staging} s JOIN {table.Name} t ON t.id = s.id
                    WHERE s.present & {1L << name.Index} <> 0 AND s.{name.Column} <> t.{name.Column}
                    """;
                var count = await sql.ScalarAsync($"SELECT count(*) FROM {renamed}", cancellationToken);
                if (count == 0 || options.Mode == ImportMode.Skip)
                {
                    continue;
                }

                foreach (var (child, column) in await ReferringAsync(table, name, cancellationToken))
                {
                    var foreignKeys = new DroppedIndexes(sql, child);
                    await foreignKeys.DropForeignKeysAsync([table.Name], cancellationToken);
                    released.Add(foreignKeys);
                    if (!IsWrittenLater(child))
                    {
                        await sql.ExecuteAsync(
                            $"""
                            UPDATE {child} SET {column} = renamed.name
                            FROM (SELECT t.{name.Column} AS old, s.{name.Column} AS name FROM {renamed}) renamed
                            WHERE {column} = renamed.old
                            """,
                            cancellationToken
                        );
                    }
                }
            }
        }

        return released;
    }

    /// <summary>Whether the merge writes the new name: from the file, or derived from what comes from the file.</summary>
    private bool IsWrittenLater(string child) =>
        child is DeferredStandings.Participants or DeferredStandings.Standings
        || staging.Tables.Any(staged => staged.Table.Name == child && !staged.Table.IsOfExact);

    /// <summary>The tables that refer to this column, and by which of theirs.</summary>
    private async Task<List<(string Table, string Column)>> ReferringAsync(
        FixtureTable table,
        FixtureField name,
        CancellationToken cancellationToken
    )
    {
        await using var command = sql.Command(
            $"""
            SELECT c.conrelid::regclass::text, quote_ident(child.attname)
            FROM pg_constraint c
            JOIN pg_attribute child ON child.attrelid = c.conrelid AND ARRAY[child.attnum] = c.conkey
            JOIN pg_attribute parent ON parent.attrelid = c.confrelid AND ARRAY[parent.attnum] = c.confkey
            WHERE c.contype = 'f' AND c.confupdtype IN ('a', 'r')
            AND c.confrelid = '{table.Name}'::regclass AND parent.attname = '{name.Column}'
            """
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var referring = new List<(string, string)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            referring.Add((reader.GetString(0), reader.GetString(1)));
        }

        return referring;
    }
}
