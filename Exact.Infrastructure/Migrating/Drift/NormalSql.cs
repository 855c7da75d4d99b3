using System.Text.Json;
using Exact.Infrastructure.Database;
using Npgsql;
using static Exact.Infrastructure.Database.SqlIdentifier;
using static Exact.Infrastructure.Migrating.Drift.ElementKind;

namespace Exact.Infrastructure.Migrating.Drift;

/// <summary>
/// Makes the model's SQL comparable with the catalog's: PostgreSQL writes out both, by an EXPLAIN that runs, writes and
/// locks nothing.
/// </summary>
internal sealed class NormalSql
{
    private const string NoTable = "x text";

    private readonly Dictionary<Expression, string> normal = [];
    private readonly Dictionary<string, string> columns; // of each table, as a column definition list
    private readonly Dictionary<(ElementKind, string, string), SchemaElement> expected;

    private NormalSql(IReadOnlyList<SchemaElement> expected, IReadOnlyList<SchemaElement> found)
    {
        this.expected = expected.ToDictionary(element => element.Key);
        columns = expected
            .Concat(found)
            .Where(element => element.Kind is Column)
            .DistinctBy(element => element.Key)
            .GroupBy(element => element.Table)
            .ToDictionary(
                table => table.Key,
                table => string.Join(", ", table.Select(c => $"{Quote(c.Name)} {c[Facet.Type]}"))
            );
    }

    /// <summary>Returns both with types and expressions as this server writes them.</summary>
    public static async Task<(IReadOnlyList<SchemaElement> Expected, IReadOnlyList<SchemaElement> Found)> ApplyAsync(
        NpgsqlConnection connection,
        IReadOnlyList<SchemaElement> expected,
        IReadOnlyList<SchemaElement> found,
        CancellationToken cancellationToken
    )
    {
        var sql = new NormalSql(expected, found);
        await sql.ExplainAsync(
            connection,
            [.. expected.Concat(found).SelectMany(sql.ExpressionsOf)],
            cancellationToken
        );
        return ([.. expected.Select(sql.Normalize)], [.. found.Select(sql.Normalize)]);
    }

    private IEnumerable<Expression> ExpressionsOf(SchemaElement element) =>
        element.Facets.Select(facet => ExpressionOf(element, facet.Key, facet.Value)).OfType<Expression>();

    private Expression? ExpressionOf(SchemaElement element, string facet, string value) =>
        facet switch
        {
            Facet.Type => new($"x::{value}", NoTable),
            // PostgreSQL stores a default as a value of the column's type.
            Facet.Default => new(
                $"({value})::{(expected.GetValueOrDefault(element.Key) ?? element)[Facet.Type]}",
                NoTable
            ),
            Facet.Check or Facet.Filter or Facet.Generated => new($"({value})", columns[element.Table]),
            _ => null,
        };

    private SchemaElement Normalize(SchemaElement element) =>
        element with
        {
            Facets = element.Facets.ToDictionary(
                facet => facet.Key,
                facet =>
                    ExpressionOf(element, facet.Key, facet.Value) is { } expression
                    && normal.TryGetValue(expression, out var text)
                        ? text
                        : facet.Value
            ),
        };

    private async Task ExplainAsync(
        NpgsqlConnection connection,
        HashSet<Expression> expressions,
        CancellationToken cancellationToken
    )
    {
        try
        {
            var records = expressions
                .GroupBy(expression => expression.Columns)
                .Select(record => record.ToList())
                .ToList();
            await ExplainAsync(connection, records, cancellationToken);
        }
        catch (PostgresException e) when (IsNotUnderstood(e))
        {
            // A function or a type that only one side has fails the whole statement: explain each expression alone.
            foreach (var expression in expressions)
            {
                try
                {
                    await ExplainAsync(
                        connection,
                        [
                            [expression],
                        ],
                        cancellationToken
                    );
                }
                catch (PostgresException one) when (IsNotUnderstood(one))
                {
                    // the expression stays as it is
                }
            }
        }
    }

    private async Task ExplainAsync(
        NpgsqlConnection connection,
        List<List<Expression>> records,
        CancellationToken cancellationToken
    )
    {
        await using var batch = new NpgsqlBatch(connection);
        foreach (var record in records)
        {
            batch.BatchCommands.Add(
                new(
                    $"""
                    EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON)
                    SELECT {string.Join(", ", record.Select(expression => expression.Sql))}
                    FROM json_to_record('{"{}"}') AS t ({record[0].Columns})
                    """
                )
            );
        }

        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        foreach (var record in records)
        {
            await reader.ReadAsync(cancellationToken);
            using var plan = JsonDocument.Parse(reader.GetString(0));
            var output = plan.RootElement[0].GetProperty("Plan").GetProperty("Output");
            foreach (var (expression, text) in record.Zip(output.EnumerateArray()))
            {
                normal[expression] = Trim(expression, text.GetString()!);
            }

            await reader.NextResultAsync(cancellationToken);
        }
    }

    /// <summary>Extracts a type, which was selected as a cast of the text <c>x</c>: <c>(x)::bigint</c>.</summary>
    private static string Trim(Expression expression, string text) =>
        !expression.Sql.StartsWith("x::", StringComparison.Ordinal) ? text
        : text is "x" ? "text"
        : text.Replace("(x)::", "", StringComparison.Ordinal);

    private static bool IsNotUnderstood(PostgresException e) =>
        !PostgresErrors.IsServerAway(e) && e.SqlState is not PostgresErrorCodes.QueryCanceled;

    /// <param name="Sql">What is selected.</param>
    /// <param name="Columns">The columns that it may use, as a column definition list.</param>
    private sealed record Expression(string Sql, string Columns);
}
