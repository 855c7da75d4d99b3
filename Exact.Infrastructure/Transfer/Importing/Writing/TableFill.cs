namespace Exact.Infrastructure.Transfer.Importing.Writing;

/// <summary>
/// Filling an empty table with many rows: without its indexes and foreign keys it takes a fraction of the time (<see cref="Rebuilding"/>). That
/// readers of that table wait is no matter: it has been empty so far.
/// </summary>
internal sealed class TableFill(ImportSql sql, FixtureTable table)
{
    /// <summary>For fewer rows it is not worth that readers wait.</summary>
    public const long MinRows = 5_000;

    private readonly Rebuilding rebuilding = new(sql, table);

    /// <summary>Whether the tables are empty, and this role may drop what belongs to them and build it again.</summary>
    public static async Task<bool> IsPossibleAsync(
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

    /// <summary>Drops what can be built again.</summary>
    /// <param name="emptyParents">Tables that were empty before this import: to drop a foreign key stops the readers of its parent, too.</param>
    /// <param name="cancellationToken">Ends the import.</param>
    public async Task BeginAsync(IEnumerable<string> emptyParents, CancellationToken cancellationToken)
    {
        // Built again in this order: whether each row has its parent is asked before the work for the indexes is done.
        await rebuilding.DropForeignKeysAsync(emptyParents, cancellationToken);
        await rebuilding.DropIndexesAsync(cancellationToken);
    }

    /// <summary>Drops the primary key, too, where the keys are known to differ and nothing refers to them.</summary>
    public Task DropPrimaryKeyAsync(CancellationToken cancellationToken) =>
        rebuilding.DropPrimaryKeyAsync(cancellationToken);

    /// <summary>Builds what was dropped, and tells the planner what the table holds now.</summary>
    public async Task CompleteAsync(CancellationToken cancellationToken)
    {
        await rebuilding.CompleteAsync(cancellationToken);
        await sql.ExecuteAsync(table.AnalyzeSql(table.Name), cancellationToken);
    }
}
