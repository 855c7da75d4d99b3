using static Exact.Infrastructure.Database.SqlIdentifier;
using static Exact.Infrastructure.Migrating.Drift.ElementKind;

namespace Exact.Infrastructure.Migrating.Drift;

/// <summary>Writes the SQL that removes a difference, for a person to read and run.</summary>
internal static class DriftFix
{
    /// <summary>Gives an element its expected name.</summary>
    public static string Rename(SchemaElement expected, string found) =>
        expected.Kind is ElementKind.Index
            ? $"ALTER INDEX {Quote(found)} RENAME TO {Quote(expected.Name)};"
            : $"ALTER TABLE {Quote(expected.Table)} RENAME CONSTRAINT {Quote(found)} TO {Quote(expected.Name)};";

    /// <summary>Changes an element into the expected one; null if a person must decide how.</summary>
    public static string? Change(SchemaElement expected, SchemaElement found, IReadOnlyList<string> facets) =>
        expected.Kind switch
        {
            Table => ChangeTable(expected, found, facets),
            Column => ChangeColumn(expected, found, facets),
            ElementKind.Index when facets is [Facet.Valid] => $"REINDEX INDEX CONCURRENTLY {Quote(expected.Name)};",
            ForeignKey or CheckConstraint when facets is [Facet.Valid] =>
                $"ALTER TABLE {Quote(expected.Table)} VALIDATE CONSTRAINT {Quote(expected.Name)};",
            _ => $"{Drop(expected)}\n{expected.Creation}",
        };

    /// <summary>
    /// Removes what prevents this code from writing: a constraint, a unique index, a required column.
    /// </summary>
    public static string Lift(SchemaElement found) =>
        found.Kind is Column ? $"{AlterColumn(found)} DROP NOT NULL;" : Drop(found);

    private static string Drop(SchemaElement element) =>
        element.Kind is ElementKind.Index
            ? $"DROP INDEX CONCURRENTLY {Quote(element.Name)};"
            : $"ALTER TABLE {Quote(element.Table)} DROP CONSTRAINT {Quote(element.Name)};";

    private static string? ChangeTable(SchemaElement expected, SchemaElement found, IReadOnlyList<string> facets)
    {
        var alter = $"ALTER TABLE {Quote(expected.Table)}";
        var statements = facets
            .SelectMany<string, string?>(facet =>
                (facet, found[facet]) switch
                {
                    (Facet.Is, "unlogged table") => [$"{alter} SET LOGGED;"],
                    (Facet.RowSecurity, "enabled") => [$"{alter} DISABLE ROW LEVEL SECURITY;"],
                    (Facet.RowSecurity, "forced") => [$"{alter} NO FORCE ROW LEVEL SECURITY;"],
                    (Facet.RowSecurity, _) =>
                    [
                        $"{alter} DISABLE ROW LEVEL SECURITY;",
                        $"{alter} NO FORCE ROW LEVEL SECURITY;",
                    ],
                    _ => [null],
                }
            )
            .ToList();
        return statements.Contains(null) ? null : string.Join('\n', statements);
    }

    private static string? ChangeColumn(SchemaElement expected, SchemaElement found, IReadOnlyList<string> facets)
    {
        var alter = AlterColumn(expected);
        var (table, column) = (Quote(expected.Table), Quote(expected.Name));
        var collate = expected[Facet.Collation] is { } collation ? $" COLLATE {Quote(collation)}" : "";
        var statements = facets
            .Select(facet =>
                (facet, expected[facet], found[facet]) switch
                {
                    (Facet.Type or Facet.Collation, _, _) => $"{alter} TYPE {expected[Facet.Type]}{collate};",
                    (Facet.Nullability, "null", _) => $"{alter} DROP NOT NULL;",
                    (Facet.Nullability, _, _) => $"{alter} SET NOT NULL;",
                    (Facet.Default, { } value, _) => $"{alter} SET DEFAULT {value};",
                    (Facet.Identity, { } when, null) => $"""
                        {alter} ADD GENERATED {when.ToUpperInvariant()} AS IDENTITY;
                        SELECT setval(pg_get_serial_sequence('{table}', '{expected.Name}'), coalesce(max({column}), 0) + 1, false)
                        FROM {table};
                        """,
                    (Facet.Identity, { } when, _) => $"{alter} SET GENERATED {when.ToUpperInvariant()};",
                    (Facet.Identity, null, _) => $"{alter} DROP IDENTITY;",
                    _ => null,
                }
            )
            .Distinct()
            .ToList();
        return statements.Contains(null) ? null : string.Join('\n', statements);
    }

    private static string AlterColumn(SchemaElement column) =>
        $"ALTER TABLE {Quote(column.Table)} ALTER COLUMN {Quote(column.Name)}";
}
