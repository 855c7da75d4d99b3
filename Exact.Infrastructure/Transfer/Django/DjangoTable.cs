using System.Text.Json;
using Exact.Infrastructure.Transfer.Exporting;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Infrastructure.Transfer.Django;

/// <summary>The table of a model in a Django database, by Django's rules for names.</summary>
internal sealed class DjangoTable
{
    private readonly FixtureTable model;

    private DjangoTable(FixtureTable model, FixtureTables models)
    {
        this.model = model;
        if (model.Membership is { } membership)
        {
            var other = models.All.Single(table => table.Name == membership.Other);
            Lists = [List(membership.Field, ModelOf(other), isCarried: true)];
        }

        Lists = [.. Lists, .. model.NotCarried.Select(field => List(field, "permission", isCarried: false))];
    }

    public string Name => model.Label.Replace('.', '_');

    /// <summary>The many-to-many fields.</summary>
    public IReadOnlyList<DjangoList> Lists { get; } = [];

    /// <summary>The models that a Django database has.</summary>
    public static IReadOnlyList<DjangoTable> AllOf(FixtureTables models) =>
        [.. models.All.Where(model => !model.IsOfExact).Select(model => new DjangoTable(model, models))];

    /// <summary>The records of this table.</summary>
    /// <param name="catalog">Where it is, and which columns it has; what older schemas lack is left out.</param>
    /// <exception cref="DjangoMismatchException">A column is of another type.</exception>
    public RecordCopy ToCopy(DjangoCatalog catalog)
    {
        var stored = catalog.ColumnsOf(Name);
        var columns = new List<RecordColumn>();
        var selected = new List<string> { $"{Whole(Name, "id", stored)}" };
        foreach (var field in model.Fields)
        {
            var name = ColumnOf(field);
            if (stored.TryGetValue(name, out var type))
            {
                var (sql, zone) =
                    Read(field.Kind, $"t.{name}", type)
                    ?? throw new DjangoMismatchException(
                        $"has {Name}.{name} as {type}, which is no {Word(field.Kind)}."
                    );
                selected.Add(sql);
                columns.Add(new RecordColumn(field.Name, field.Kind) { Zone = zone });
            }
        }

        var joins = "";
        foreach (var (list, at) in Lists.Where(list => catalog.Has(list.Table)).Select((list, at) => (list, at)))
        {
            var ends = catalog.ColumnsOf(list.Table);
            var (own, other) = (Whole(list.Table, list.Own, ends, "m"), Whole(list.Table, list.Other, ends, "m"));
            joins += $"""
                 LEFT JOIN (
                    SELECT {own} AS id, string_agg({other}::text, ', ' ORDER BY {other}) AS keys
                    FROM {catalog[list.Table]} m GROUP BY 1
                ) m{at} ON m{at}.id = t.id
                """;
            selected.Add($"m{at}.keys");
            columns.Add(new RecordColumn(list.Field, FixtureKind.Text) { IsList = true });
        }

        var unknown = stored.Keys.Except(model.Fields.Select(ColumnOf)).Where(name => name != "id");
        return new RecordCopy(
            model.Label,
            $"""
            COPY (SELECT {string.Join(", ", selected)} FROM {catalog[Name]} t{joins} ORDER BY t.id)
            TO STDOUT (FORMAT binary)
            """,
            columns,
            // The import decides about names that Exact does not know, and does not look at their values.
            string.Concat(unknown.Select(name => $", {JsonSerializer.Serialize(name)}: null"))
        );
    }

    /// <summary>A foreign key that Django writes under the name of its field has a column with another.</summary>
    private static string ColumnOf(FixtureField field) => field.ByNaturalKey ? $"{field.Name}_id" : field.Name;

    private static string ModelOf(FixtureTable table) => table.Label[(table.Label.IndexOf('.') + 1)..];

    private DjangoList List(string field, string other, bool isCarried) =>
        new(field, $"{Name}_{field}", $"{ModelOf(model)}_id", $"{other}_id", isCarried);

    private static string Whole(
        string table,
        string column,
        IReadOnlyDictionary<string, string> stored,
        string alias = "t"
    ) =>
        stored.TryGetValue(column, out var type)
            ? Read(FixtureKind.Integer, $"{alias}.{column}", type)?.Sql
                ?? throw new DjangoMismatchException($"has {table}.{column} as {type}, which is no whole number.")
            : throw new DjangoMismatchException($"has no column {column} in {table}.");

    /// <summary>A column in the form that COPY is read in, and a time's zone; null for a type of another meaning.</summary>
    private static (string Sql, string? Zone)? Read(FixtureKind kind, string column, string type) =>
        (kind, type) switch
        {
            (FixtureKind.Text, not "bytea") => ($"{column}::text", null),
            (FixtureKind.Boolean, "boolean") => (column, null),
            (FixtureKind.Integer, "smallint" or "integer" or "bigint") => ($"{column}::bigint", null),
            (FixtureKind.Number, "real") => ($"{column}::text::double precision", null), // 0.1, as Django reads it
            (FixtureKind.Number, "double precision" or "numeric" or "smallint" or "integer" or "bigint") => (
                $"{column}::double precision",
                null
            ),
            (FixtureKind.Timestamp, "timestamp with time zone") => (column, "Z"),
            // Without USE_TZ there is no zone, neither here nor in what dumpdata writes.
            (FixtureKind.Timestamp, "timestamp without time zone") => (column, ""),
            (FixtureKind.Timestamp, "date") => ($"{column}::timestamp", ""),
            _ => null,
        };

    private static string Word(FixtureKind kind) =>
        kind switch
        {
            FixtureKind.Boolean => "boolean",
            FixtureKind.Integer => "whole number",
            FixtureKind.Number => "number",
            FixtureKind.Timestamp => "time",
            _ => "text",
        };
}

/// <summary>A many-to-many field of a Django model: a table of pairs of keys.</summary>
/// <param name="IsCarried">Exact keeps it; else its entries are only counted, where they may be read.</param>
internal sealed record DjangoList(string Field, string Table, string Own, string Other, bool IsCarried);

/// <summary>The Django database is not of the expected shape.</summary>
/// <param name="message">A sentence whose subject is the database.</param>
/// <param name="remedy">What to do.</param>
internal sealed class DjangoMismatchException(
    string message,
    string remedy = "Export it there with manage.py dumpdata, and import the file."
) : Exception(message)
{
    public string Remedy => remedy;
}
