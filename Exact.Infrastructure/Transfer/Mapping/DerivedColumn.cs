namespace Exact.Infrastructure.Transfer.Mapping;

/// <summary>A column that Django does not know, as an SQL expression over the imported columns.</summary>
/// <param name="Column">The column.</param>
/// <param name="Insert">The value in a new row.</param>
/// <param name="Update">The value in a changed row; null leaves the old one.</param>
internal sealed record DerivedColumn(string Column, SqlOfRow Insert, SqlOfRow? Update = null)
{
    /// <summary>Set on update only when one of <see cref="FixtureTable.StampColumns"/> changed.</summary>
    public bool WhenStamped { get; init; }

    /// <summary>The field whose invariant upper case the column holds, which PostgreSQL's <c>upper</c> is not.</summary>
    public string? UpperCaseOf { get; init; }
}

/// <summary>An SQL expression over a row.</summary>
/// <param name="column">Gives the SQL of one of the row's columns.</param>
internal delegate string SqlOfRow(Func<string, string> column);
