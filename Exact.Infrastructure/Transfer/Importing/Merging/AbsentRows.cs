using Exact.Infrastructure.Transfer.Importing.Staging;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Infrastructure.Transfer.Importing.Merging;

/// <summary>With <see cref="ImportMode.Replace"/>: the rows that the file does not hold.</summary>
internal sealed class AbsentRows(ImportSql sql, StagingArea staging, ImportTally tally)
{
    /// <summary>Deletes those of a table, and those that go with a parent that the file does not hold.</summary>
    public async Task DeleteAsync(FixtureTable table, CancellationToken cancellationToken)
    {
        tally[table].Deleted += await sql.ExecuteAsync(
            $"DELETE FROM {table.Name} t WHERE NOT EXISTS (SELECT FROM {table.Staging} s WHERE s.id = t.id)",
            cancellationToken
        );
        foreach (var (column, parent) in table.Fields.Select(field => (field.Column, field.Parent)))
        {
            if (parent is not null)
            {
                var rows = staging.Tables.Single(staged => staged.Table.Name == parent.Table).Table.Staging;
                tally[table].Deleted += await sql.ExecuteAsync(
                    $"""
                    DELETE FROM {table.Name} t USING {parent.Table} p
                    WHERE p.{parent.Column} = t.{column} AND NOT EXISTS (SELECT FROM {rows} s WHERE s.id = p.id)
                    """,
                    cancellationToken
                );
            }
        }
    }
}
