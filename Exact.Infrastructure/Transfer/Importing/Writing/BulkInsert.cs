using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Infrastructure.Transfer.Importing.Writing;

/// <summary>Writes the staged rows that are new.</summary>
internal sealed class BulkInsert(ImportSql sql, StagedSql rows)
{
    private readonly FixtureTable table = rows.Table;

    /// <summary>Writes them. Of rows that have memberships, it notes which ones are new.</summary>
    /// <returns>How many there are.</returns>
    public Task<long> RunAsync(CancellationToken cancellationToken)
    {
        var columns = table
            .Fields.Select(field => field.Column)
            .Concat(table.Derived.Select(derived => derived.Column));
        var values = table
            .Fields.Select(field => $"s.{field.Column}")
            .Concat(table.Derived.Select(derived => derived.Insert(column => $"s.{column}")));
        var insert = $"""
            INSERT INTO {table.Name} (id, {string.Join(", ", columns)})
            SELECT s.id, {string.Join(", ", values)} FROM {table.Staging} s
            WHERE {IsNew}
            {(rows.IsEmpty ? "" : rows.OrderAsIndexed)}
            """;
        return sql.ExecuteAsync(
            rows.IsEmpty || table.Membership is null
                ? insert
                : $"""
                WITH new AS ({insert} RETURNING id)
                UPDATE {table.Staging} s SET inserted = true FROM new WHERE s.id = new.id
                """,
            cancellationToken
        );
    }

    /// <summary>Counts the new rows whose records do not have the field.</summary>
    public Task<long> CountWithoutAsync(FixtureField field, CancellationToken cancellationToken) =>
        sql.ScalarAsync(
            $"SELECT count(*) FROM {table.Staging} s WHERE s.present & {1L << field.Index} = 0 AND {IsNew}",
            cancellationToken
        );

    private string IsNew => rows.IfNew($"SELECT FROM {table.Name} t WHERE t.id = s.id");
}
