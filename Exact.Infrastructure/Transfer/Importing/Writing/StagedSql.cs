using Exact.Infrastructure.Transfer.Importing.Staging;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Infrastructure.Transfer.Importing.Writing;

/// <summary>Expressions over staged rows (<c>s</c>) and the rows of their table (<c>t</c>).</summary>
/// <param name="staged">The rows.</param>
/// <param name="isEmpty">
/// Their table is empty, so nothing is looked up in it. That is more than a saving: where VACUUM has seen the table empty, the planner
/// would look through it for each row, and it grows with each row.
/// </param>
/// <param name="mode">
/// With <c>skip</c> and <c>fail</c>, all rows are new that have come so far. One that somebody else has added since is not passed over,
/// but breaks the unique key.
/// </param>
internal sealed class StagedSql(StagedTable staged, bool isEmpty, ImportMode mode)
{
    private readonly FixtureTable table = staged.Table;

    public FixtureTable Table => table;

    public bool IsEmpty => isEmpty;

    /// <summary>Whether a row differs from what its table holds.</summary>
    public string IsChanged => $"{Differ([.. table.Fields.Select(f => f.Column)])}{IsRegrouped}";

    /// <summary>Whether the change is one that sign-ins must notice.</summary>
    public string IsStamped => $"{Differ(table.StampColumns)}{IsRegrouped}";

    /// <summary>
    /// Rows of one parent together, as in the indexes that begin with it: where these are larger than the server's
    /// memory, rows in the order of their keys would fetch and write a page of each for every row. To compare bytes is
    /// the fastest way to tell parents apart.
    /// </summary>
    public string OrderAsIndexed
    {
        get
        {
            var parents = table
                .Fields.Where(f => f.Parent is not null)
                .Select(f => f.Kind == FixtureKind.Text ? $"s.{f.Column} COLLATE \"C\"" : $"s.{f.Column}");
            return $"ORDER BY {string.Join(", ", [.. parents, "s.id"])}";
        }
    }

    private string IsRegrouped => table.Membership is null ? "" : " OR (s.regrouped AND NOT s.inserted)";

    /// <summary>Whether there is no such row yet.</summary>
    public string IfNew(string row) =>
        isEmpty || mode is ImportMode.Skip or ImportMode.Fail ? "true" : $"NOT EXISTS ({row})";

    /// <summary>What a column will hold: a field that the record does not have leaves it as it is.</summary>
    public string New(FixtureField field) => New(field, field.Column);

    /// <inheritdoc cref="New(FixtureField)"/>
    public string New(string column) =>
        table.Find(column) is { } field
            ? New(field)
            : New(table.Find(table.UpperCased.Single(derived => derived.Column == column).UpperCaseOf!)!, column);

    private string New(FixtureField field, string column) =>
        staged.IsInAll(field)
            ? $"s.{column}"
            : $"CASE WHEN s.present & {1L << field.Index} <> 0 THEN s.{column} ELSE t.{column} END";

    private string Differ(IReadOnlyList<string> columns) =>
        columns.Count == 0
            ? "false"
            : $"({string.Join(", ", columns.Select(column => $"t.{column}"))}) IS DISTINCT FROM ({string.Join(", ", columns.Select(New))})";
}
