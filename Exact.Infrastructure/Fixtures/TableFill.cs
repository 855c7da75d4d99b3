namespace Exact.Infrastructure.Fixtures;

/// <summary>
/// Filling an empty table with many rows: its indexes and foreign keys are dropped, and built and checked again as a set, which takes
/// a fraction of what it takes row by row. All of it is in the transaction of the import, so nobody sees the table without them; but
/// readers of that table, which has been empty so far, wait.
/// </summary>
internal sealed class TableFill(ImportSql sql, FixtureTable table)
{
    /// <summary>For fewer rows it is not worth that readers wait.</summary>
    public const long MinRows = 10_000;

    private readonly List<string> rebuild = [];

    /// <summary>Drops what can be built again.</summary>
    /// <param name="emptyParents">
    /// Tables that were empty before this import. To drop a foreign key stops the readers of its parent too, so it is only done for these.
    /// </param>
    /// <param name="cancellationToken">Ends the import.</param>
    public async Task BeginAsync(IEnumerable<string> emptyParents, CancellationToken cancellationToken)
    {
        const string FindWhatToDrop = """
            SELECT format('DROP INDEX %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
            FROM pg_index i
            WHERE i.indrelid = @table::regclass AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
            UNION ALL
            SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname),
                format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid))
            FROM pg_constraint c
            WHERE c.conrelid = @table::regclass AND c.contype = 'f' AND c.confrelid = ANY (@parents::regclass[])
            """;
        var drop = new List<string>();
        await using (var command = sql.Command(FindWhatToDrop))
        {
            command.Parameters.AddWithValue("table", table.Name);
            command.Parameters.AddWithValue("parents", emptyParents.ToArray());
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                drop.Add(reader.GetString(0));
                rebuild.Add(reader.GetString(1));
            }
        }

        await ExecuteAsync(drop, cancellationToken);
    }

    /// <summary>
    /// Builds what was dropped, and tells the planner what the table holds now: at a glance, for autovacuum will look closer. It would not if
    /// the columns were not named, for then PostgreSQL takes the table for analyzed.
    /// </summary>
    public Task CompleteAsync(CancellationToken cancellationToken)
    {
        var columns = table.Fields.Select(field => field.Column).Prepend("id");
        return ExecuteAsync([.. rebuild, $"ANALYZE {table.Name} ({string.Join(", ", columns)})"], cancellationToken);
    }

    private async Task ExecuteAsync(List<string> statements, CancellationToken cancellationToken)
    {
        if (statements.Count > 0)
        {
            await sql.ExecuteAsync(string.Join(";\n", statements), cancellationToken);
        }
    }
}
