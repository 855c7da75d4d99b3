using Exact.Infrastructure.Transfer.Importing.Staging;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Infrastructure.Transfer.Importing.Merging;

/// <summary>With <see cref="ImportMode.Replace"/>: the rows that the file does not hold.</summary>
internal sealed class AbsentRows(ImportSql sql, StagingArea staging, ImportTally tally)
{
    /// <summary>
    /// A file without any record of Exact's own models may come from Django, which cannot say whether they have rows. They
    /// are kept then (docs/decisions/replace-and-left-out-records.md).
    /// </summary>
    private readonly bool isSilentAboutExact = staging.Tables.All(staged =>
        staged.Count == 0 || !staged.Table.IsOfExact
    );

    /// <summary>Deletes those of a table, and those that go with a parent that the file does not hold.</summary>
    /// <remarks>Children come first, so that each deletion is counted, and none is left to a foreign key.</remarks>
    public async Task DeleteAsync(FixtureTable table, CancellationToken cancellationToken)
    {
        if (!table.IsOfExact || !isSilentAboutExact)
        {
            tally[table].Deleted += await sql.ExecuteAsync(
                $"DELETE FROM {table.Name} t WHERE {IsAbsent(table, "t")}",
                cancellationToken
            );
        }

        foreach (var (ancestors, isAbsent) in AncestorsOf(table, "t"))
        {
            tally[table].Deleted += await sql.ExecuteAsync(
                $"DELETE FROM {table.Name} t USING {ancestors} WHERE {isAbsent}",
                cancellationToken
            );
        }
    }

    private static string IsAbsent(FixtureTable table, string row) =>
        $"NOT EXISTS (SELECT FROM {table.Staging} s WHERE s.id = {row}.id)";

    /// <summary>The ways on which the row can go with a parent, or with the parent of a parent.</summary>
    private IEnumerable<(string Tables, string IsAbsent)> AncestorsOf(FixtureTable table, string row)
    {
        foreach (var field in table.Fields.Where(field => field.Parent is not null))
        {
            var parent = staging.Tables.Single(staged => staged.Table.Name == field.Parent!.Table).Table;
            var above = $"{row}_{parent.Name}";
            var named = $"{parent.Name} {above}";
            var isParent = $"{above}.{field.Parent!.Column} = {row}.{field.Column}";
            yield return (named, $"{isParent} AND {IsAbsent(parent, above)}");
            foreach (var (tables, isAbsent) in AncestorsOf(parent, above))
            {
                yield return ($"{named}, {tables}", $"{isParent} AND {isAbsent}");
            }
        }
    }
}
