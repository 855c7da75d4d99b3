using System.Text;

namespace Exact.Infrastructure.Transfer.Mapping;

/// <summary>A field in the file and the column that holds it.</summary>
internal sealed record FixtureField(string Name, string Column)
{
    public byte[] NameUtf8 { get; } = Encoding.UTF8.GetBytes(Name);

    /// <summary>The place in <see cref="FixtureTable.Fields"/>.</summary>
    public int Index { get; init; }

    public FixtureKind Kind { get; init; }

    /// <summary>In code points, as PostgreSQL counts; null where there is no limit.</summary>
    public int? MaxLength { get; init; }

    /// <summary>An integer that the column holds in 32 bits.</summary>
    public bool Is32Bit { get; init; }

    /// <summary>What an export writes, if not the column.</summary>
    public SqlOfRow? Written { get; init; }

    /// <summary>What an export without people writes instead.</summary>
    public SqlOfRow? Redacted { get; init; }

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

/// <summary>Says what is wrong with a string; null when nothing is.</summary>
internal delegate FixtureProblem? TextCheck(ReadOnlySpan<byte> text);
