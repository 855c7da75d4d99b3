namespace Exact.Infrastructure.Transfer.Importing.Writing;

/// <summary>
/// Indexes and foreign keys of a table that are dropped, and built and checked again as a set. All of it is in the transaction of the import,
/// so nobody sees the table without them; but whoever reads it, or the table that a foreign key refers to, waits for the import's end.
/// </summary>
internal sealed class Rebuilding(ImportSql sql, FixtureTable table)
{
    private readonly List<string> rebuild = [];

    /// <summary>Drops all indexes but those of keys.</summary>
    public Task DropIndexesAsync(CancellationToken cancellationToken) =>
        DropAsync(
            $"""
            SELECT format('DROP INDEX %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
            FROM pg_index i
            WHERE i.indrelid = '{table.Name}'::regclass
            AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
            """,
            cancellationToken
        );

    /// <summary>Drops the primary key, which no foreign key may refer to.</summary>
    public Task DropPrimaryKeyAsync(CancellationToken cancellationToken) =>
        DropAsync(
            $"""
            SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname),
                format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid))
            FROM pg_constraint c WHERE c.conrelid = '{table.Name}'::regclass AND c.contype = 'p'
            """,
            cancellationToken
        );

    /// <summary>Drops the foreign keys that refer to one of these tables, where this role may build them again.</summary>
    public Task DropForeignKeysAsync(IEnumerable<string> parents, CancellationToken cancellationToken) =>
        DropAsync(
            $"""
            SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname),
                format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid))
            FROM pg_constraint c
            WHERE c.conrelid = '{table.Name}'::regclass AND c.contype = 'f'
            AND c.confrelid = ANY (ARRAY[{string.Join(", ", parents.Select(parent => $"'{parent}'"))}]::regclass[])
            AND (SELECT bool_and(pg_has_role(relowner, 'USAGE')) FROM pg_class WHERE oid IN (c.conrelid, c.confrelid))
            """,
            cancellationToken
        );

    /// <summary>Builds what was dropped.</summary>
    public Task CompleteAsync(CancellationToken cancellationToken) => sql.ExecuteAllAsync(rebuild, cancellationToken);

    private async Task DropAsync(string find, CancellationToken cancellationToken)
    {
        var drop = new List<string>();
        await using (var command = sql.Command(find))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                drop.Add(reader.GetString(0));
                rebuild.Add(reader.GetString(1));
            }
        }

        await sql.ExecuteAllAsync(drop, cancellationToken);
    }
}
