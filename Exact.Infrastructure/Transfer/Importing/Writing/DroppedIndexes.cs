namespace Exact.Infrastructure.Transfer.Importing.Writing;

/// <summary>
/// Indexes and foreign keys of a table that are dropped, and built and checked again as a set, which takes a fraction of the time. All
/// of it is in the transaction of the import, so nobody sees the table without them; but its readers, and those of the tables that its
/// foreign keys refer to, wait for the import's end.
/// </summary>
internal sealed class DroppedIndexes(ImportSql sql, string table)
{
    /// <summary>For fewer rows it is not worth making readers wait.</summary>
    public const long MinRows = 5_000;

    private readonly List<string> rebuild = [];

    /// <summary>Whether the tables are empty, and this role may drop what belongs to them and build it again.</summary>
    public static async Task<bool> ArePossibleAsync(
        ImportSql sql,
        IReadOnlyCollection<string> tables,
        CancellationToken cancellationToken
    )
    {
        var rows = string.Join(" UNION ALL ", tables.Select(table => $"SELECT FROM {table}"));
        var names = string.Join(", ", tables.Select(table => $"'{table}'::regclass"));
        await using var command = sql.Command(
            $"""
            SELECT NOT EXISTS ({rows})
            AND (SELECT bool_and(pg_has_role(relowner, 'USAGE')) FROM pg_class WHERE oid IN ({names}))
            """
        );
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    /// <summary>Drops what an empty table can do without while it is filled.</summary>
    /// <param name="emptyParents">Tables that were empty before this import: to drop a foreign key stops the readers of
    /// its parent, too.</param>
    /// <param name="cancellationToken">Ends the import.</param>
    public async Task DropAsync(IEnumerable<string> emptyParents, CancellationToken cancellationToken)
    {
        // Built again in this order: whether each row has its parent is asked before the work for the indexes is done.
        await DropForeignKeysAsync(emptyParents, cancellationToken);
        await DropAsync(
            $"""
            SELECT format('DROP INDEX %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
            FROM pg_index i
            WHERE i.indrelid = '{table}'::regclass
            AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
            """,
            cancellationToken
        );
    }

    /// <summary>Drops the primary key, too, where the keys are known to differ, and the foreign keys that refer to it.</summary>
    public Task DropPrimaryKeyAsync(CancellationToken cancellationToken) =>
        DropConstraintsAsync(
            $"""
            c.contype = 'p' AND c.conrelid = '{table}'::regclass OR c.contype = 'f' AND c.confrelid = '{table}'::regclass
            """,
            cancellationToken
        );

    /// <summary>Drops the foreign keys that refer to one of these tables, where this role may build them again.</summary>
    public Task DropForeignKeysAsync(IEnumerable<string> parents, CancellationToken cancellationToken) =>
        DropConstraintsAsync(
            $"""
            c.contype = 'f' AND c.conrelid = '{table}'::regclass
            AND c.confrelid = ANY (ARRAY[{string.Join(", ", parents.Select(parent => $"'{parent}'"))}]::regclass[])
            AND (SELECT bool_and(pg_has_role(relowner, 'USAGE')) FROM pg_class WHERE oid IN (c.conrelid, c.confrelid))
            """,
            cancellationToken
        );

    /// <summary>Does something now that is undone when the indexes are built.</summary>
    public Task DoAsync(string statement, string undo, CancellationToken cancellationToken)
    {
        rebuild.Add(undo);
        return sql.ExecuteAsync(statement, cancellationToken);
    }

    /// <summary>Builds what was dropped.</summary>
    public Task RebuildAsync(CancellationToken cancellationToken) => sql.ExecuteAllAsync(rebuild, cancellationToken);

    private Task DropConstraintsAsync(string condition, CancellationToken cancellationToken) =>
        DropAsync(
            $"""
            SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname),
                format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid))
            FROM pg_constraint c WHERE {condition} ORDER BY c.contype = 'p', c.oid
            """,
            cancellationToken
        );

    private async Task DropAsync(string find, CancellationToken cancellationToken)
    {
        // What depends on something else is dropped before it, and built after it.
        var drop = new List<string>();
        var build = new List<string>();
        await using (var command = sql.Command(find))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                drop.Add(reader.GetString(0));
                build.Insert(0, reader.GetString(1));
            }
        }

        rebuild.AddRange(build);

        await sql.ExecuteAllAsync(drop, cancellationToken);
    }
}
