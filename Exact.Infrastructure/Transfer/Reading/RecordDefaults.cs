using System.Text;
using Exact.Infrastructure.Accounts;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>Completes the row of a record: the fields that it does not have, and what follows from those that it has.</summary>
/// <param name="options">What a missing field means.</param>
/// <param name="now">What a missing time becomes, in microseconds since 2000-01-01 UTC.</param>
internal sealed class RecordDefaults(RecordOptions options, long now)
{
    public void Complete(FixtureRecord record, Span<byte> text, FixtureTable table)
    {
        foreach (var field in table.Fields)
        {
            if (!record.Has(field))
            {
                FillIn(record, text, table, field);
            }
        }

        var row = record.Row;
        foreach (var derived in table.UpperCased)
        {
            var source = StagedLayout.Of(table.Find(derived.UpperCaseOf!)!);
            if (!row.IsNull(source))
            {
                var upper = Encoding.UTF8.GetString(row[source]).ToUpperInvariant();
                row.Set(table.Layout.OfUpperCase(derived), Encoding.UTF8.GetBytes(upper));
            }
        }

        if (table.Password is { } password && record.Has(password))
        {
            var hash = StagedLayout.Of(password);
            record.MustSetPassword =
                !row.IsNull(hash) && !PasswordHashes.CanBeVerified(Encoding.UTF8.GetString(row[hash]));
        }

        row.Set(StagedLayout.Record, record.Number);
        row.Set(StagedLayout.Line, record.Place.Line);
        row.Set(StagedLayout.LineColumn, record.Place.Column);
        row.Set(StagedLayout.ByteOffset, record.Place.Offset);
        if (record.Key is { } key)
        {
            record.Present |= 1L << table.Layout.KeyBit;
            row.Set(StagedLayout.Key, key);
        }

        row.Set(StagedLayout.Present, record.Present);
    }

    private void FillIn(FixtureRecord record, Span<byte> text, FixtureTable table, FixtureField field)
    {
        if (options.Missing == MissingFields.Default && !field.IsInvented)
        {
            record.Present |= 1L << field.Index;
            if (field.Required)
            {
                var detail = $"{table.Label} needs '{field.Name}'.";
                record.Refuse(text, 0, new(FixtureErrorCode.Required, detail), field.Name);
            }
        }

        if (!field.Required)
        {
            FixtureValue.SetDefault(field, record.Row, StagedLayout.Of(field), now);
        }
    }
}
