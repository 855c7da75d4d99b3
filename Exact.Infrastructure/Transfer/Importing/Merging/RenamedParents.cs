using Exact.Infrastructure.Transfer.Importing.Staging;
using Exact.Infrastructure.Transfer.Importing.Writing;

namespace Exact.Infrastructure.Transfer.Importing.Merging;

/// <summary>Rows that get another name, by which other rows refer to them.</summary>
internal sealed class RenamedParents(ImportSql sql, StagingArea staging, ImportOptions options)
{
    /// <summary>
    /// Drops the foreign keys to such rows: those who refer to them get the new name later in the merge. Rare enough to let readers wait.
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
            foreach (var (child, reference) in staging.ReferencesByName(table))
            {
                var name = table.Find(reference.Parent!.Column)!;
                var renamed = await sql.ScalarAsync(
                    $"""
                    SELECT count(*) FROM {table.Staging} s JOIN {table.Name} t ON t.id = s.id
                    WHERE s.present & {1L << name.Index} <> 0 AND s.{name.Column} <> t.{name.Column}
                    """,
                    cancellationToken
                );
                if (renamed > 0 && options.Mode != ImportMode.Skip)
                {
                    var foreignKeys = new DroppedIndexes(sql, child);
                    await foreignKeys.DropForeignKeysAsync([table.Name], cancellationToken);
                    released.Add(foreignKeys);
                }
            }
        }

        return released;
    }
}
