using System.Text;

namespace Exact.Infrastructure.Transfer.Mapping;

/// <summary>A Django model and the table that holds its rows.</summary>
/// <param name="Label">Django's name, such as <c>api.score</c>.</param>
/// <param name="Name">The table.</param>
internal sealed record FixtureTable(string Label, string Name)
{
    /// <summary>The setting of a session that exports one challenge.</summary>
    public const string TheChallenge = "current_setting('exact.challenge')";

    /// <summary>The rows that name that challenge.</summary>
    public const string NamesChallenge = $"t.challenge_id = {TheChallenge}";

    public byte[] LabelUtf8 { get; } = Encoding.UTF8.GetBytes(Label);

    /// <summary>Django does not know the model.</summary>
    public bool IsOfExact => FixtureLabel.IsOfExact(Label);

    public required FixtureField[] Fields { get; init; }

    /// <summary>
    /// The largest key of a record: JSON numbers and Django's column can hold it, and many that come after it.
    /// </summary>
    public long MaxKey { get; init; } = (1L << 53) - (1L << 32);

    /// <summary>The column by which Django finds a row whose record has no <c>pk</c>.</summary>
    public string? NaturalKey { get; init; }

    /// <summary>The many-to-many field, if there is one.</summary>
    public FixtureMembership? Membership { get; init; }

    /// <summary>Whether a row <c>t</c> belongs to <see cref="TheChallenge"/>, as SQL; null where no row does.</summary>
    public string? OfChallenge { get; init; }

    /// <summary>Other tables that an export of this one reads.</summary>
    public IReadOnlyList<string> ReadWith { get; init; } = [];

    /// <summary>Lists that Django writes and that have no place in Exact: written empty, counted when they are not.</summary>
    public IReadOnlyList<string> NotCarried { get; init; } = [];

    public IReadOnlyList<byte[]> NotCarriedUtf8 => field ??= [.. NotCarried.Select(Encoding.UTF8.GetBytes)];

    /// <summary>Columns that Django does not know.</summary>
    public DerivedColumn[] Derived { get; init; } = [];

    /// <summary>A change in one of these, or in the membership, is one that sign-ins must notice.</summary>
    public IReadOnlyList<string> StampColumns { get; init; } = [];

    /// <summary>Columns, other than the key, that no two rows may share.</summary>
    public FixtureField[] Unique { get; init; } = [];

    public string Staging => $"import_{Name}";

    /// <summary>The field that holds a password hash, if there is one.</summary>
    public FixtureField? Password => field ??= Find("password_hash");

    /// <summary>Fields that get the time of the import where a record does not have them.</summary>
    public FixtureField[] Invented => field ??= [.. Fields.Where(f => f.IsInvented)];

    /// <summary>Fields that have another name in Django, too.</summary>
    public FixtureField[] Aliased => field ??= [.. Fields.Where(f => f.AliasUtf8 is not null)];

    /// <summary>Fields that may name their parent by its natural key; each has a staging column more.</summary>
    public FixtureField[] NaturalReferences => field ??= [.. Fields.Where(f => f.ByNaturalKey)];

    public DerivedColumn[] UpperCased => field ??= [.. Derived.Where(d => d.UpperCaseOf is not null)];

    /// <summary>The columns of a row on its way into this table.</summary>
    public StagedLayout Layout => field ??= new StagedLayout(this);

    /// <summary>The tables that it refers to.</summary>
    public string[] Parents => field ??= [.. Fields.Select(f => f.Parent?.Table).OfType<string>().Distinct()];

    /// <summary>The key and the fields, as a list of columns.</summary>
    public string Columns => field ??= string.Join(", ", Fields.Select(f => f.Column).Prepend("id"));

    /// <summary>
    /// Tells the planner what a table with these columns holds: at a glance, for autovacuum will look closer. It would not if they were not
    /// named, for then PostgreSQL takes the table for analyzed.
    /// </summary>
    public string AnalyzeSql(string name) => $"ANALYZE {name} ({Columns})";

    /// <summary>What an export can read of this table in a database with an older schema.</summary>
    public FixtureTable PresentIn(ILookup<string, string> columns)
    {
        var isRead = ReadWith.All(columns.Contains);
        return this with
        {
            Fields =
            [
                .. Fields
                    .Where(field => columns[Name].Contains(field.Column))
                    .Select(field => isRead ? field : field with { Written = null }),
            ],
            Membership = Membership is { Table: var table } && columns.Contains(table) ? Membership : null,
            ReadWith = [.. ReadWith.Where(columns.Contains)],
        };
    }

    public FixtureField? Find(string column) => Fields.FirstOrDefault(f => f.Column == column);
}
