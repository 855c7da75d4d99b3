using Exact.Infrastructure.Transfer.Importing.Staging;
using Exact.Infrastructure.Transfer.Importing.Writing;

namespace Exact.Infrastructure.Transfer.Importing.Merging;

/// <summary>
/// Keeps writers out of the tables that must stay as they are found: all, or those that are to be filled. In one order, so that two
/// transactions that lock them do not wait for one another.
/// </summary>
internal sealed class MergeLocks(ImportSql sql, StagingArea staging)
{
    /// <param name="waiting">The tables with records that wait.</param>
    /// <param name="all">All tables are locked.</param>
    /// <param name="cancellationToken">Ends the import.</param>
    /// <returns>The names of those that wait and are empty.</returns>
    public async Task<HashSet<string>> TakeAsync(
        IEnumerable<StagedTable> waiting,
        bool all,
        CancellationToken cancellationToken
    )
    {
        var empty = await FindEmptyAsync(waiting.Select(staged => staged.Table.Name), cancellationToken);
        var tables = staging.Tables.Select(staged => staged.Table);
        var locked = all
            ?
            [
                .. tables.Select(table => table.Name),
                .. tables.Select(table => table.Membership?.Table).OfType<string>(),
            ]
            : empty;
        if (locked.Count == 0)
        {
            return [];
        }

        await sql.ExecuteAsync(
            $"LOCK TABLE {string.Join(", ", locked)} IN SHARE ROW EXCLUSIVE MODE",
            cancellationToken
        );
        return [.. await FindEmptyAsync(empty, cancellationToken)]; // somebody may have been quicker
    }

    private async Task<List<string>> FindEmptyAsync(IEnumerable<string> tables, CancellationToken cancellationToken)
    {
        var empty = new List<string>();
        foreach (var table in tables)
        {
            if (await DroppedIndexes.ArePossibleAsync(sql, [table], cancellationToken))
            {
                empty.Add(table);
            }
        }

        return empty;
    }
}
