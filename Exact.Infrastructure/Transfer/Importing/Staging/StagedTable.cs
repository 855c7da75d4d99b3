using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Reading;
using Exact.Infrastructure.Transfer.Wire;

namespace Exact.Infrastructure.Transfer.Importing.Staging;

/// <summary>The temporary table of a model, and what is known of its records without a query.</summary>
internal sealed class StagedTable(FixtureTable table)
{
    private readonly CopyRow membershipRow = new();
    private readonly long[] without = new long[table.Fields.Length];
    private long presentInAll = -1;

    public FixtureTable Table => table;

    public CopyTarget Rows { get; } = new(table.Staging);

    public CopyTarget? Memberships { get; } = table.Membership is { } m ? new CopyTarget(m.Staging) : null;

    public long Count { get; private set; }

    /// <summary>The key of the last record that has one.</summary>
    public long LastKey { get; private set; } = long.MinValue;

    /// <summary>The keys came in rising order, so that none came twice.</summary>
    public bool KeysRise { get; private set; } = true;

    public bool HasRowsWithoutKey { get; private set; }

    public bool HasNaturalReferences { get; private set; }

    /// <summary>How many records lack a field whose value is then invented.</summary>
    public long CountWithout(FixtureField invented) => without[invented.Index];

    /// <summary>Every record has this field.</summary>
    public bool IsInAll(FixtureField field) => (presentInAll & (1L << field.Index)) != 0;

    public string CreateSql()
    {
        var membership = table.Membership is { } m
            ? $"CREATE TEMP TABLE {m.Staging} (record bigint, {m.OtherColumn} bigint, natural_key text) ON COMMIT DROP;"
            : "";
        return $"""
            CREATE TEMP TABLE {table.Staging} ({table.Layout.ToSql()}) ON COMMIT DROP;
            {membership}

            """;
    }

    /// <summary>Takes note of a record, whichever way its row goes.</summary>
    public void Note(FixtureRecord record)
    {
        Count++;
        presentInAll &= record.Present;
        foreach (var field in table.Invented)
        {
            without[field.Index] += record.Has(field) ? 0 : 1;
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

        foreach (var field in table.NaturalReferences)
        {
            HasNaturalReferences |= !record.Row.IsNull(table.Layout.OfNaturalKey(field));
        }
    }

    /// <summary>Puts the row of a record, and its memberships, into the buffers.</summary>
    public void Write(FixtureRecord record)
    {
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
}
