using System.Text;

namespace Exact.Infrastructure.Fixtures;

/// <summary>A Django model and the table that holds its rows.</summary>
/// <param name="Label">Django's name, such as <c>api.score</c>.</param>
/// <param name="Name">The table.</param>
internal sealed record FixtureTable(string Label, string Name)
{
    public byte[] LabelUtf8 { get; } = Encoding.UTF8.GetBytes(Label);

    public required FixtureField[] Fields { get; init; }

    /// <summary>The largest key that both JSON numbers and Django's column can hold.</summary>
    public long MaxKey { get; init; } = (1L << 53) - 1;

    /// <summary>The column by which Django finds a row whose record has no <c>pk</c>.</summary>
    public string? NaturalKey { get; init; }

    /// <summary>The many-to-many field, if there is one.</summary>
    public FixtureMembership? Membership { get; init; }

    /// <summary>Lists that Django writes and that have no place in Exact: written empty, counted when they are not.</summary>
    public IReadOnlyList<string> NotCarried { get; init; } = [];

    public IReadOnlyList<byte[]> NotCarriedUtf8 => field ??= [.. NotCarried.Select(Encoding.UTF8.GetBytes)];

    /// <summary>Columns that Django does not know.</summary>
    public DerivedColumn[] Derived { get; init; } = [];

    /// <summary>A change in one of these, or in the membership, is one that sign-ins must notice.</summary>
    public IReadOnlyList<string> StampColumns { get; init; } = [];

    /// <summary>Columns, other than the key, that no two rows may share.</summary>
    public FixtureField[] Unique { get; init; } = [];

    /// <summary>The bit of <see cref="FixtureRecord.Present"/> that says that the record has the many-to-many field.</summary>
    public int MembershipBit => Fields.Length;

    /// <summary>The bit of <see cref="FixtureRecord.Present"/> that says that the record has a key.</summary>
    public int KeyBit => Fields.Length + 1;

    public string Staging => $"import_{Name}";

    /// <summary>What every staging table has before the fields: a record's place in the file, what it has, and its key.</summary>
    public static readonly string[] FixedColumns = ["record", "line", "byte_offset", "present", "id"];

    /// <summary>The field that holds a password hash, if there is one.</summary>
    public FixtureField? Password => field ??= Find("password_hash");

    /// <summary>Fields that get the time of the import where a record does not have them.</summary>
    public FixtureField[] Invented => field ??= [.. Fields.Where(f => f.IsInvented)];

    /// <summary>Fields that have another name in Django, too.</summary>
    public FixtureField[] Aliased => field ??= [.. Fields.Where(f => f.AliasUtf8 is not null)];

    /// <summary>Fields that may name their parent by its natural key; each has a staging column more.</summary>
    public FixtureField[] NaturalReferences => field ??= [.. Fields.Where(f => f.ByNaturalKey)];

    public DerivedColumn[] UpperCased => field ??= [.. Derived.Where(d => d.UpperCaseOf is not null)];

    public int StagedColumns => FixedColumns.Length + Fields.Length + NaturalReferences.Length + UpperCased.Length;

    /// <summary>The field's place in a staged row, in which the fields are followed by the natural keys and the upper-cased texts.</summary>
    public static int PlaceOf(FixtureField stored) => FixedColumns.Length + stored.Index;

    public int NaturalPlaceOf(int reference) => FixedColumns.Length + Fields.Length + reference;

    public int UpperCasedPlaceOf(int derived) =>
        FixedColumns.Length + Fields.Length + NaturalReferences.Length + derived;

    /// <summary>The tables that it refers to.</summary>
    public string[] Parents => field ??= [.. Fields.Select(f => f.Parent?.Table).OfType<string>().Distinct()];

    /// <summary>The key and the fields, as a list of columns.</summary>
    public string Columns => field ??= string.Join(", ", Fields.Select(f => f.Column).Prepend("id"));

    /// <summary>
    /// Tells the planner what a table with these columns holds: at a glance, for autovacuum will look closer. It would not if they were not
    /// named, for then PostgreSQL takes the table for analyzed.
    /// </summary>
    public string AnalyzeSql(string name) => $"ANALYZE {name} ({Columns})";

    public FixtureField? Find(string column) => Fields.FirstOrDefault(f => f.Column == column);
}

/// <summary>A field in the file and the column that holds it.</summary>
internal sealed record FixtureField(string Name, string Column)
{
    public byte[] NameUtf8 { get; } = Encoding.UTF8.GetBytes(Name);

    /// <summary>The place in <see cref="FixtureTable.Fields"/>.</summary>
    public int Index { get; init; }

    public FixtureKind Kind { get; init; }

    /// <summary>In code points, as PostgreSQL counts; null where there is no limit.</summary>
    public int? MaxLength { get; init; }

    public bool Nullable { get; init; }

    /// <summary>A new row must name it; every other field has a default.</summary>
    public bool Required { get; init; }

    /// <summary>The file says <c>""</c> where the table says NULL.</summary>
    public bool EmptyIsNull { get; init; }

    /// <summary>What a new row gets when its record does not have the field: the initial value of the entity's property.</summary>
    public object? Default { get; init; }

    /// <summary>Django has no default for it: a new row gets the time of the import, and the report counts it.</summary>
    public bool IsInvented { get; init; }

    public byte[][]? Choices { get; init; }

    public TextCheck? Check { get; init; }

    /// <summary>The table and column that the value must be found in.</summary>
    public FixtureParent? Parent { get; init; }

    /// <summary>The file may name the parent by its natural key: <c>["ada"]</c>.</summary>
    public bool ByNaturalKey => Parent is { NaturalKey: not null } && Kind == FixtureKind.Integer;

    /// <summary>Django's other name for a field that refers to a row: <c>user_id</c> for <c>user</c>.</summary>
    public byte[]? AliasUtf8 => field ??= ByNaturalKey ? Encoding.UTF8.GetBytes($"{Name}_id") : null;

    /// <summary>The staging column that holds that natural key until the parent's rows are there.</summary>
    public string NaturalColumn => $"{Column}_natural";
}

internal enum FixtureKind
{
    Text,
    Boolean,
    Number,
    Integer,
    Timestamp,
}

internal sealed record FixtureParent(string Table, string Column, string? NaturalKey);

/// <summary>A many-to-many field: the rows of <paramref name="Table"/> that belong to a record, as a list of <paramref name="Other"/>'s keys.</summary>
internal sealed record FixtureMembership(
    string Field,
    string Table,
    string OwnColumn,
    string OtherColumn,
    string Other,
    string OtherNaturalKey
)
{
    public byte[] FieldUtf8 { get; } = Encoding.UTF8.GetBytes(Field);

    public string Staging => $"import_{Table}";
}

/// <summary>A column that Django does not know, as SQL; <c>{column}</c> stands for the imported value of a column.</summary>
/// <param name="Column">The column.</param>
/// <param name="Insert">What a new row gets.</param>
/// <param name="Update">What a changed row gets; null leaves it alone.</param>
internal sealed record DerivedColumn(string Column, string Insert, string? Update = null)
{
    /// <summary>Set on update only when one of <see cref="FixtureTable.StampColumns"/> changed.</summary>
    public bool WhenStamped { get; init; }

    /// <summary>The column is the invariant upper case of this field, which PostgreSQL's <c>upper</c> is not.</summary>
    public string? UpperCaseOf { get; init; }
}

/// <summary>Says what is wrong with a text, or null.</summary>
internal delegate FixtureProblem? TextCheck(ReadOnlySpan<byte> text);

internal readonly record struct FixtureProblem(string Code, string Detail);
