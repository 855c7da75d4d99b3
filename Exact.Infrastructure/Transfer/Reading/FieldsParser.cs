using System.Text.Json;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>Reads the fields of a record into its row.</summary>
internal sealed class FieldsParser(RecordOptions options)
{
    private readonly NaiveTimes naiveTimes = new(options.TimeZone);
    private FixtureRecord record = new();
    private FixtureTable table = null!;
    private RecordKey id;
    private long byName;
    private long byAlias;

    /// <summary>The key among the fields that were read last.</summary>
    public RecordKey Id => id;

    /// <summary>Reads the object that the reader is at; false when the text ends before it does.</summary>
    public bool TryRead(ref PythonJsonReader json, Span<byte> text, FixtureTable ofTable, FixtureRecord into)
    {
        table = ofTable;
        record = into;
        id = default;
        byName = 0;
        byAlias = 0;
        naiveTimes.Count = 0;
        record.ForgetFields();
        record.Row.Begin(table.Layout.Count);
        var next = 0;
        while (json.Read())
        {
            if (json.Token == JsonTokenType.EndObject)
            {
                record.NaiveTimes = naiveTimes.Count;
                return true;
            }

            if (!TryReadField(ref json, text, ref next))
            {
                return false;
            }
        }

        return false;
    }

    private bool TryReadField(ref PythonJsonReader json, Span<byte> text, ref int next)
    {
        if (Find(ref json, ref next) is { } field)
        {
            byName |= 1L << field.Index;
            return json.Read() && TryReadValue(ref json, text, field);
        }

        if (FindByAlias(ref json) is { } aliased)
        {
            byAlias |= 1L << aliased.Index;
            return json.Read() && TryReadValue(ref json, text, aliased);
        }

        if (json.Is("id"u8))
        {
            return json.Read() && RecordKey.TryRead(ref json, out id);
        }

        return table.Membership is { } membership && json.Is(membership.FieldUtf8)
            ? json.Read() && TryReadMemberships(ref json, text, membership)
            : TryPassOver(ref json, text);
    }

    private FixtureField? Find(ref PythonJsonReader json, ref int next)
    {
        // Fields nearly always come in the same order, so the one after the last is tried first.
        for (var tried = 0; tried < table.Fields.Length; tried++)
        {
            var field = table.Fields[next];
            next = next + 1 == table.Fields.Length ? 0 : next + 1;
            if (json.Is(field.NameUtf8))
            {
                return field;
            }
        }

        return null;
    }

    private FixtureField? FindByAlias(ref PythonJsonReader json)
    {
        foreach (var field in table.Aliased)
        {
            if (json.Is(field.AliasUtf8))
            {
                return field;
            }
        }

        return null;
    }

    private bool TryReadValue(ref PythonJsonReader json, Span<byte> text, FixtureField field)
    {
        var at = json.At;
        if ((byName & byAlias & (1L << field.Index)) != 0)
        {
            return TryReadAgain(ref json, text, field);
        }

        if (record.Has(field))
        {
            record.Forgive(field.Name); // of a name that comes twice, the last counts
        }

        record.Present |= 1L << field.Index;
        if (field.ByNaturalKey)
        {
            record.Row.SetNull(table.Layout.OfNaturalKey(field));
            if (json.Token == JsonTokenType.StartArray)
            {
                return TryReadNaturalKey(ref json, text, field);
            }
        }

        if (FixtureValue.Read(ref json, field, record.Row, StagedLayout.Of(field), naiveTimes) is { } problem)
        {
            record.Refuse(text, at, problem, field.Name);
        }

        return json.TrySkip();
    }

    private bool TryReadNaturalKey(ref PythonJsonReader json, Span<byte> text, FixtureField field)
    {
        var at = json.At;
        record.Row.SetNull(StagedLayout.Of(field));
        if (!FixtureReference.TryReadNaturalKey(ref json, out var name))
        {
            return false;
        }

        if (name is null)
        {
            record.Refuse(
                text,
                at,
                new(FixtureErrorCode.WrongType, "A natural key must be a list of one string."),
                field.Name
            );
        }
        else
        {
            record.Row.Set(table.Layout.OfNaturalKey(field), name);
        }

        return true;
    }

    /// <summary>Reads a field that the record has under both of its names: they must say the same.</summary>
    private bool TryReadAgain(ref PythonJsonReader json, Span<byte> text, FixtureField field)
    {
        var at = json.At;
        var first = ValueOf(field);
        byName &= ~(1L << field.Index);
        if (!TryReadValue(ref json, text, field))
        {
            return false;
        }

        if (ValueOf(field) is var (key, name) && !(key.SequenceEqual(first.Key) && name.SequenceEqual(first.Name)))
        {
            var detail = $"'{field.Name}' and '{field.Name}_id' say different things: remove one of the two.";
            record.Refuse(text, at, new(FixtureErrorCode.Contradiction, detail), field.Name);
        }

        return true;
    }

    /// <summary>What the row holds of a reference so far: the key, or the natural key.</summary>
    private (byte[] Key, byte[] Name) ValueOf(FixtureField field) =>
        (ValueAt(StagedLayout.Of(field)), ValueAt(table.Layout.OfNaturalKey(field)));

    private byte[] ValueAt(int place) => record.Row.IsNull(place) ? [] : record.Row[place].ToArray();

    private bool TryReadMemberships(ref PythonJsonReader json, Span<byte> text, FixtureMembership membership)
    {
        var at = json.At;
        record.Memberships.Clear();
        record.Present |= 1L << table.Layout.MembershipBit;
        if (!FixtureReference.TryReadList(ref json, record.Memberships, out var isList))
        {
            return false;
        }

        if (!isList)
        {
            var detail =
                $"The value must be a list of at most {FixtureReference.MaxList} keys, numbers or natural keys.";
            record.Refuse(text, at, new(FixtureErrorCode.WrongType, detail), membership.Field);
        }

        return true;
    }

    private bool TryPassOver(ref PythonJsonReader json, Span<byte> text)
    {
        var isCarriedNowhere = json.IsAny(table.NotCarriedUtf8);
        var isError = !isCarriedNowhere && options.Unknown == WhenFound.Fail;
        var isListed = isError
            ? record.Problems.Count < FixtureErrors.Limit
            : record.Ignored.Count < FixtureRecord.MaxNames;
        var name = isListed ? json.GetName() : null;
        var at = json.At;
        if (!json.Read())
        {
            return false;
        }

        if (isError)
        {
            record.Refuse(text, at, new(FixtureErrorCode.UnknownField, NoField(name)), name ?? "");
            return json.TrySkip();
        }

        var count = 1;
        if (isCarriedNowhere ? !json.TryCount(out count) : !json.TrySkip())
        {
            return false;
        }

        record.Ignore(name, count);
        return true;
    }

    private string NoField(string? name)
    {
        if (name is null)
        {
            return ""; // it is only counted
        }

        var meant = Suggestion.For(name, table.Fields.Select(field => field.Name));
        var none = $"{table.Label} has no field '{FixtureError.Shorten(name)}'";
        return meant is null ? $"{none}." : $"{none}; did you mean '{meant}'?";
    }
}
