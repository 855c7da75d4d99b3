using static Exact.Infrastructure.Migrating.Drift.ElementKind;

namespace Exact.Infrastructure.Migrating.Drift;

/// <summary>Compares two descriptions of a schema.</summary>
internal static class SchemaComparison
{
    /// <summary>Lists the differences, the harmful first.</summary>
    public static IReadOnlyList<DriftFinding> Compare(
        IReadOnlyList<SchemaElement> expected,
        IReadOnlyList<SchemaElement> found
    )
    {
        var foundByKey = found.ToDictionary(element => element.Key);
        var expectedKeys = expected.Select(element => element.Key).ToHashSet();
        // If a table is missing, so is everything that belongs to it: report the table only.
        var comparable = expected
            .Where(table =>
                table.Kind is Table
                && foundByKey.GetValueOrDefault(table.Key)?[Facet.Is]?.EndsWith("table", StringComparison.Ordinal)
                    is true
            )
            .Select(table => table.Name)
            .ToHashSet();
        var relevant = expected.Where(element => element.Kind is Table || comparable.Contains(element.Table)).ToList();
        var missing = relevant.Where(element => !foundByKey.ContainsKey(element.Key)).ToList();
        var extra = found
            .Where(element => !expectedKeys.Contains(element.Key))
            .Where(element => element is not { Kind: Table, Name: MigrationHistory.Name })
            .ToList();

        // In the order in which they are best fixed: obstacles first.
        List<DriftFinding> findings =
        [
            .. Renamed(missing, extra),
            .. extra.Select(Extra),
            .. found.Where(element => element is { Kind: Table, Name: MigrationHistory.Name }).SelectMany(OfHistory),
            .. missing.Select(element => Missing(element, expected)),
            .. relevant
                .Where(element => foundByKey.ContainsKey(element.Key))
                .SelectMany(element => Different(element, foundByKey[element.Key])),
        ];
        return [.. findings.OrderBy(finding => finding.Harmless)];
    }

    /// <summary>Removes from both lists what differs only in its name.</summary>
    private static List<DriftFinding> Renamed(List<SchemaElement> missing, List<SchemaElement> extra)
    {
        var findings = new List<DriftFinding>();
        foreach (var element in missing.Where(element => element.Kind is not (Table or Column)).ToList())
        {
            if (extra.Find(other => IsSame(element, other)) is { } other)
            {
                missing.Remove(element);
                extra.Remove(other);
                findings.Add(
                    new(DriftKind.Different, element.Title, $"name: expected {element.Name}, found {other.Name}")
                    {
                        Fix = DriftFix.Rename(element, other.Name),
                    }
                );
            }
        }

        return findings;
    }

    private static bool IsSame(SchemaElement one, SchemaElement other) =>
        (one.Kind, one.Table) == (other.Kind, other.Table)
        && one.Facets.Count == other.Facets.Count
        && one.Facets.All(facet => other[facet.Key] == facet.Value);

    private static DriftFinding Missing(SchemaElement element, IReadOnlyList<SchemaElement> expected) =>
        new(DriftKind.Missing, element.Title, $"expected {Describe(element)}, found nothing")
        {
            Fix = element.Kind is not Table
                ? element.Creation
                : string.Join(
                    '\n',
                    expected
                        .Where(e => e.Kind is Table or ElementKind.Index && e.Table == element.Table)
                        .Select(e => e.Creation)
                ),
        };

    private static IEnumerable<DriftFinding> Different(SchemaElement expected, SchemaElement found)
    {
        var facets = expected
            .Facets.Keys.Union(found.Facets.Keys)
            .Where(facet => expected[facet] != found[facet])
            .ToList();
        if (facets.Contains(Facet.Default) && expected[Facet.Default] is null)
        {
            // EF Core leaves a default behind when a migration adds a required column to a table with rows.
            facets.Remove(Facet.Default);
            yield return new(
                DriftKind.Extra,
                $"default of {expected.Title}",
                $"expected none, found {found[Facet.Default]}; this code always sets a value"
            )
            {
                Harmless = true,
            };
        }

        if (facets.Count > 0)
        {
            yield return new(
                facets is [Facet.Valid] ? DriftKind.Invalid : DriftKind.Different,
                expected.Title,
                string.Join(
                    "; ",
                    facets.Select(facet =>
                        $"{facet}: expected {expected[facet] ?? "none"}, found {found[facet] ?? "none"}"
                    )
                )
            )
            {
                Fix = DriftFix.Change(expected, found, facets),
            };
        }
    }

    /// <summary>Compares only the row security of EF Core's history table, which is not in the model.</summary>
    private static IEnumerable<DriftFinding> OfHistory(SchemaElement found) =>
        Different(
            found with
            {
                Facets = found.Facets.Where(f => f.Key is not Facet.RowSecurity).ToDictionary(),
            },
            found
        );

    private static DriftFinding Extra(SchemaElement found)
    {
        var harmless = found.Kind switch
        {
            Table => true,
            Column => found[Facet.Nullability] is "null" || IsFilledByItself(found),
            ElementKind.Index => found[Facet.Unique] is Facet.No,
            _ => false,
        };
        return new(
            found[Facet.Valid] is Facet.No ? DriftKind.Invalid : DriftKind.Extra,
            found.Title,
            $"expected nothing, found {Describe(found)}"
        )
        {
            Harmless = harmless,
            Fix = harmless ? null : DriftFix.Lift(found),
        };
    }

    private static bool IsFilledByItself(SchemaElement column) =>
        (column[Facet.Default] ?? column[Facet.Identity] ?? column[Facet.Generated]) is not null;

    private static string Describe(SchemaElement element) =>
        element.Kind is Table ? $"a {element[Facet.Is]}"
        : element.Kind is Column ? element.Definition
        : $"on {element.Table}: {element.Definition}";
}
