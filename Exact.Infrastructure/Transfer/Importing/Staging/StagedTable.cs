namespace Exact.Infrastructure.Transfer.Importing.Staging;

/// <summary>The temporary table of a model, and what is known of its rows without a query.</summary>
internal sealed class StagedTable(FixtureTable table)
{
    private readonly long[] without = new long[table.Fields.Length];
    private long presentInAll = -1;

    public FixtureTable Table => table;

    public StagingArea.Target Rows { get; } = new(table.Staging);

    public StagingArea.Target? Memberships { get; } =
        table.Membership is { } m ? new StagingArea.Target(m.Staging) : null;

    /// <summary>Where the rows go instead, once it is known that there are many and that their table is empty.</summary>
    public DirectFill? Direct { get; set; }

    /// <summary>The filling of the table, where it has begun while the file was read.</summary>
    public TableFill? Fill { get; set; }

    public long Count { get; private set; }

    /// <summary>The key of the last record that has one.</summary>
    public long LastKey { get; private set; } = long.MinValue;

    /// <summary>The keys came in rising order, so that none came twice.</summary>
    public bool KeysRise { get; private set; } = true;

    public bool HasRowsWithoutKey { get; private set; }

    public bool HasNaturalReferences { get; private set; }

    /// <summary>What is sent to the server: to the temporary tables, and straight into the table itself.</summary>
    public IEnumerable<StagingArea.Target> Targets =>
        new[] { Rows, Memberships, Direct?.Places.Parts, Direct?.Rows }.OfType<StagingArea.Target>();

    /// <summary>One that should be sent now.</summary>
    public StagingArea.Target? FullTarget =>
        Rows.IsFull ? Rows
        : Memberships is { IsFull: true } ? Memberships
        : Direct?.FullTarget;

    /// <summary>How many records lack a field whose value is then invented.</summary>
    public long CountWithout(FixtureField invented) => without[invented.Index];

    /// <summary>Every record has this field.</summary>
    public bool IsInAll(int bit) => (presentInAll & (1L << bit)) != 0;

    public string CreateSql()
    {
        var fixedColumns = FixtureTable.FixedColumns.Select(column => $"{column} bigint");
        var fields = table.Fields.Select(field => $"{field.Column} {SqlType(field.Kind)}");
        var natural = table.NaturalReferences.Select(field => $"{field.NaturalColumn} text");
        var upperCased = table.UpperCased.Select(derived => $"{derived.Column} text");
        var columns = string.Join(", ", [.. fixedColumns, .. fields, .. natural, .. upperCased]);
        var membership = table.Membership is { } m
            ? $"CREATE TEMP TABLE {m.Staging} (record bigint, {m.OtherColumn} bigint, natural_key text) ON COMMIT DROP;"
            : "";
        return $"""
            CREATE TEMP TABLE {table.Staging} ({columns}) ON COMMIT DROP;
            {membership}

            """;
    }

    public void Add(FixtureRecord record, CopyRow membershipRow)
    {
        Count++;
        presentInAll &= record.Present;
        foreach (var field in table.Invented)
        {
            without[field.Index] += (record.Present & (1L << field.Index)) == 0 ? 1 : 0;
        }

        if (record.Key is { } key)
        {
            KeysRise &= key > LastKey;
            LastKey = key;
        }
        else
        {
            HasRowsWithoutKey = true;
            KeysRise = false;
        }

        for (var index = 0; index < table.NaturalReferences.Length; index++)
        {
            HasNaturalReferences |= !record.Row.IsNull(table.NaturalPlaceOf(index));
        }

        if (Direct is not null)
        {
            Direct.Add(record);
            return;
        }

        record.Row.WriteTo(Rows.Buffer);
        foreach (var membership in record.Memberships)
        {
            membershipRow.Begin(3);
            membershipRow.Set(0, record.Number);
            if (membership.Key is { } other)
            {
                membershipRow.Set(1, other);
            }
            else
            {
                membershipRow.Set(2, membership.NaturalKey);
            }

            membershipRow.WriteTo(Memberships!.Buffer);
        }
    }

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
