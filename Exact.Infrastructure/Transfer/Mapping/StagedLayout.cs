namespace Exact.Infrastructure.Transfer.Mapping;

/// <summary>
/// The columns of a record on its way into its table: where it stands in the file, which fields it has, its key, its fields, and
/// what is needed to complete them.
/// </summary>
internal sealed class StagedLayout(FixtureTable table)
{
    /// <summary>The place of the record in the file, counted from 0.</summary>
    public const int Record = 0;

    public const int Line = 1;

    public const int LineColumn = 2;

    public const int ByteOffset = 3;

    /// <summary>One bit for each field that the record has.</summary>
    public const int Present = 4;

    public const int Key = 5;

    private const int FirstField = 6;

    /// <summary>The columns that every staging table has before those of the fields.</summary>
    public static readonly string[] Origin = ["record", "line", "line_column", "byte_offset", "present", "id"];

    /// <summary>The bit of <c>present</c> that says that the record has the many-to-many field.</summary>
    public int MembershipBit => table.Fields.Length;

    /// <summary>The bit of <c>present</c> that says that the record has a key.</summary>
    public int KeyBit => table.Fields.Length + 1;

    public int Count => FirstField + table.Fields.Length + table.NaturalReferences.Length + table.UpperCased.Length;

    /// <summary>The columns that the table itself has: the key and the fields.</summary>
    public Range OfTable => Key..(FirstField + table.Fields.Length);

    /// <summary>Where the value of a field is.</summary>
    public static int Of(FixtureField field) => FirstField + field.Index;

    /// <summary>Where the natural key is by which a field names its parent.</summary>
    public int OfNaturalKey(FixtureField field) =>
        FirstField + table.Fields.Length + Array.IndexOf(table.NaturalReferences, field);

    /// <summary>Where the upper case of a field is.</summary>
    public int OfUpperCase(DerivedColumn derived) =>
        FirstField + table.Fields.Length + table.NaturalReferences.Length + Array.IndexOf(table.UpperCased, derived);

    /// <summary>The definitions of the columns, for a temporary table.</summary>
    public string ToSql() =>
        string.Join(
            ", ",
            [
                .. Origin.Select(column => $"{column} bigint"),
                .. table.Fields.Select(field => $"{field.Column} {SqlType(field.Kind)}"),
                .. table.NaturalReferences.Select(field => $"{field.NaturalColumn} text"),
                .. table.UpperCased.Select(derived => $"{derived.Column} text"),
            ]
        );

    private static string SqlType(FixtureKind kind) =>
        kind switch
        {
            FixtureKind.Text => "text",
            FixtureKind.Boolean => "boolean",
            FixtureKind.Number => "double precision",
            FixtureKind.Integer => "bigint",
            FixtureKind.Timestamp => "timestamptz",
            _ => throw new ArgumentOutOfRangeException(nameof(kind)),
        };
}
