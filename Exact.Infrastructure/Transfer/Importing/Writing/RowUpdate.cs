namespace Exact.Infrastructure.Transfer.Importing.Writing;

/// <summary>Writes the staged rows that differ from those of their table, and only those.</summary>
internal sealed class RowUpdate(ImportSql sql, StagedSql rows)
{
    /// <summary>
    /// Writes those of a range of keys. They keep their order: what equals an element of an array, rather than a value, cannot be hashed or
    /// merged, so it is looked up for each of them.
    /// </summary>
    /// <returns>How many differ.</returns>
    public Task<long> RunAsync(KeyRange range, CancellationToken cancellationToken)
    {
        var table = rows.Table;
        var assignments = table
            .Fields.Select(field => $"{field.Column} = {rows.New(field)}")
            .Concat(
                from derived in table.Derived
                where derived.Update is not null
                let value = derived.Update!(rows.New)
                select derived.WhenStamped
                    ? $"{derived.Column} = CASE WHEN {rows.IsStamped} THEN {value} ELSE t.{derived.Column} END"
                    : $"{derived.Column} = {value}"
            );
        return sql.ExecuteAsync(
            $"""
            UPDATE {table.Name} t SET {string.Join(", ", assignments)}
            FROM (
                SELECT s.* FROM {table.Staging} s JOIN {table.Name} t ON t.id = s.id
                WHERE {range.Holds("s.id")} AND {range.Holds("t.id")} AND ({rows.IsChanged})
                {rows.OrderAsIndexed}
            ) s
            WHERE t.id = ANY (ARRAY[s.id])
            """,
            cancellationToken
        );
    }
}
