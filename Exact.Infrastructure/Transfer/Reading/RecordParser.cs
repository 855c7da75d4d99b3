using System.Text;
using System.Text.Json;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>Reads records from their text, one after the other, into the same <see cref="Record"/>.</summary>
/// <param name="tables">What a fixture carries.</param>
/// <param name="options">Whether unknown names are errors, and what a missing field means.</param>
/// <param name="now">What a missing time becomes, in microseconds since 2000-01-01 UTC.</param>
internal sealed class RecordParser(FixtureTables tables, RecordOptions options, long now)
{
    private readonly List<(int At, double Value)> literals = [];
    private readonly FieldsParser fields = new(options);
    private readonly RecordDefaults defaults = new(options, now);
    private RecordKey pk;

    /// <summary>The record that was read last.</summary>
    public FixtureRecord Record { get; } = new();

    /// <summary>Reads the record at the beginning of <paramref name="text"/>; false when it does not end there.</summary>
    /// <exception cref="JsonException">This is not JSON.</exception>
    public bool TryParse(Span<byte> text, out int consumed)
    {
        Record.Begin();
        literals.Clear();
        pk = default;
        var json = new PythonJsonReader(text, 0, literals);
        var isWhole = false;
        try
        {
            isWhole = TryParse(ref json, text);
        }
        finally
        {
            consumed = isWhole ? json.End : 0;
            if (!isWhole)
            {
                json.Undo();
            }
        }

        return isWhole;
    }

    private bool TryParse(ref PythonJsonReader json, Span<byte> text)
    {
        if (!json.Read())
        {
            return false;
        }

        if (json.Token != JsonTokenType.StartObject)
        {
            Record.Refuse(text, 0, new(FixtureErrorCode.NotARecord, "A record must be an object."));
            return json.TrySkip();
        }

        var fieldsAt = -1;
        FixtureTable? readFor = null;
        while (true)
        {
            if (!json.Read())
            {
                return false;
            }

            if (json.Token == JsonTokenType.EndObject)
            {
                break;
            }

            if (json.Is("model"u8))
            {
                if (!json.Read() || !TryReadModel(ref json))
                {
                    return false;
                }
            }
            else if (json.Is("pk"u8))
            {
                if (!json.Read() || !RecordKey.TryRead(ref json, out pk))
                {
                    return false;
                }

                Record.Key = pk.Value; // for errors among the fields
            }
            else if (json.Is("fields"u8))
            {
                if (!json.Read())
                {
                    return false;
                }

                var isFirst = fieldsAt < 0;
                fieldsAt = json.Token == JsonTokenType.StartObject ? json.At : -1;
                readFor = isFirst && fieldsAt >= 0 ? Record.Table : null;
                if (readFor is null ? !json.TrySkip() : !fields.TryRead(ref json, text, readFor, Record))
                {
                    return false;
                }
            }
            else if (!json.Read() || !json.TrySkip()) // Django passes over whatever else a record has
            {
                return false;
            }
        }

        if (Record.Table is { } table && fieldsAt >= 0 && !ReferenceEquals(readFor, table))
        {
            // The fields came before the model, or more than once; what came last counts.
            var again = new PythonJsonReader(text[..json.End], fieldsAt, literals);
            again.Read();
            fields.TryRead(ref again, text, table, Record);
        }

        Complete(text, hasFields: fieldsAt >= 0);
        return true;
    }

    private bool TryReadModel(ref PythonJsonReader json)
    {
        Record.Table = null;
        Record.Label = null;
        if (json.Token != JsonTokenType.String)
        {
            return json.TrySkip();
        }

        var label = json.GetText(new byte[json.Json.ValueIsEscaped ? json.Json.ValueSpan.Length : 0]);
        Record.Table = tables.Find(label);
        if (Record.Table is null)
        {
            Record.Label = FixtureError.Shorten(Encoding.UTF8.GetString(label));
        }

        return true;
    }

    private void Complete(Span<byte> text, bool hasFields)
    {
        if (Record.Table is not { } table)
        {
            if (Record.Label is null)
            {
                Record.Refuse(text, 0, new(FixtureErrorCode.NotARecord, "A record must name its model."));
            }
            else if (options.Unknown == WhenFound.Fail && !FixtureTables.IsBookkeeping(Record.Label))
            {
                Record.Refuse(text, 0, new(FixtureErrorCode.UnknownModel, tables.NoModel(Record.Label)));
            }

            return;
        }

        var id = hasFields ? fields.Id : default;
        Record.Key = (id.IsThere ? id : pk).Value;
        if (RecordKey.FindMistake(pk, id, table) is var (at, name, problem))
        {
            Record.Refuse(text, at, problem, name, isKey: name is "pk");
        }

        if (hasFields)
        {
            defaults.Complete(Record, text, table);
        }
        else
        {
            Record.Refuse(text, 0, new(FixtureErrorCode.NotARecord, "A record must have an object of fields."));
        }
    }
}
