using System.Text.Json;

namespace Exact.Infrastructure.Migrating.Drift;

/// <summary>A named element of a schema, described in the same terms for the model and for the catalog.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Table">The table that it belongs to, or its own name.</param>
/// <param name="Name">Its name.</param>
/// <param name="Facets">Its properties, by the names in <see cref="Facet"/>, without those that do not apply.</param>
internal sealed record SchemaElement(
    ElementKind Kind,
    string Table,
    string Name,
    IReadOnlyDictionary<string, string> Facets
)
{
    /// <summary>The SQL that creates it; only elements of the model have it.</summary>
    public string? Creation { get; init; }

    /// <summary>Identifies it among all elements of the schema.</summary>
    public (ElementKind Kind, string Table, string Name) Key => (Kind, Table, Name);

    public string? this[string facet] => Facets.GetValueOrDefault(facet);

    /// <summary>Its name in a finding: <c>foreign key fk_companies_users_user_id</c>.</summary>
    public string Title =>
        $"{JsonNamingPolicy.SnakeCaseLower.ConvertName(Kind.ToString()).Replace('_', ' ')} "
        + (Kind is ElementKind.Column ? $"{Table}.{Name}" : Name);

    /// <summary>Its facets as one line.</summary>
    public string Definition => string.Join("; ", Facets.Select(facet => $"{facet.Key} {facet.Value}"));

    public override string ToString() => $"{Title} of {Table}: {Definition}";
}

/// <summary>What a <see cref="SchemaElement"/> is.</summary>
internal enum ElementKind
{
    Table,
    Column,
    PrimaryKey,
    UniqueConstraint,
    ForeignKey,
    CheckConstraint,
    ExclusionConstraint,
    Index,
}

/// <summary>The names of the facets, as a finding shows them.</summary>
internal static class Facet
{
    public const string Is = "is";
    public const string RowSecurity = "row security";
    public const string Type = "type";
    public const string Nullability = "nullability";
    public const string Default = "default";
    public const string Identity = "identity";
    public const string Generated = "generated";
    public const string Collation = "collation";
    public const string Columns = "columns";
    public const string References = "references";
    public const string OnDelete = "on delete";
    public const string OnUpdate = "on update";
    public const string Check = "check";
    public const string Unique = "unique";
    public const string Nulls = "nulls";
    public const string Include = "include";
    public const string Method = "method";
    public const string Filter = "filter";
    public const string Deferrable = "deferrable";
    public const string Definition = "definition";
    public const string Valid = "valid";

    public const string Yes = "yes";
    public const string No = "no";
}
