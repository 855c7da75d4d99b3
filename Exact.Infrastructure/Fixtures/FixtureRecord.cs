using System.Text;
using System.Text.Json;
using Exact.Infrastructure.Accounts;

namespace Exact.Infrastructure.Fixtures;

/// <summary>One record of a fixture, checked and as a row to stage. The same object takes record after record.</summary>
/// <param name="tables">What a fixture carries.</param>
/// <param name="options">Whether unknown names are errors, and what a missing field means.</param>
/// <param name="now">What a missing time becomes, in microseconds since 2000-01-01 UTC.</param>
internal sealed class FixtureRecord(FixtureTables tables, ImportOptions options, long now)
{
    private readonly List<(int At, double Value)> literals = [];
    private readonly List<FixtureError> problems = [];
    private readonly List<FixtureReference> memberships = [];
    private readonly List<(string Field, int Count)> ignored = [];
    private readonly NaiveTimes naiveTimes = new(options.TimeZone);
    private RecordKey pk;
    private RecordKey id;
    private long byName;
    private long byAlias;
    private (int At, int Lines) counted;

    /// <summary>The place in the file, counted from 0; the reader sets it, and the two below, before it parses.</summary>
    public long Number { get; set; }

    public long Line { get; set; }

    public long Offset { get; set; }

    /// <summary>Null when the record is not carried, or is so wrong that its table is unknown.</summary>
    public FixtureTable? Table { get; private set; }

    /// <summary>The label of a record that is not carried.</summary>
    public string? Label { get; private set; }

    /// <summary>Null when the record has none: then its natural key may find the row, or else a new row is made.</summary>
    public long? Key { get; private set; }

    /// <summary>The fields that the record has, one bit each in the order of the table.</summary>
    public long Present { get; private set; }

    /// <summary>The row as <see cref="FixtureTable.StagedColumns"/> says; complete only without <see cref="Problems"/>.</summary>
    public CopyRow Row { get; } = new();

    public List<FixtureReference> Memberships => memberships;

    /// <summary>How many of its times have no zone.</summary>
    public int NaiveTimes => naiveTimes.Count;

    /// <summary>Its password hash is of a kind that Exact cannot verify, so that its user must set a new password.</summary>
    public bool MustSetPassword { get; private set; }

    /// <summary>Values that have no place in Exact.</summary>
    public List<(string Field, int Count)> Ignored => ignored;

    /// <summary>What is wrong with it: the first <see cref="FixtureErrors.Limit"/> problems.</summary>
    public List<FixtureError> Problems => problems;

    /// <summary>How many problems there are beyond these.</summary>
    public int MoreProblems { get; private set; }

    /// <summary>Reads the record at the beginning of <paramref name="text"/>; false when it does not end there.</summary>
    /// <exception cref="JsonException">This is not JSON.</exception>
    public bool TryParse(Span<byte> text, out int consumed)
    {
        literals.Clear();
        problems.Clear();
        MoreProblems = 0;
        counted = default;
        ignored.Clear();
        memberships.Clear();
        Table = null;
        Label = null;
        Key = null;
        MustSetPassword = false;
        naiveTimes.Count = 0;
        pk = default;
        id = default;
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
            return json.TrySkip() && Refuse(text, 0, FixtureErrorCode.NotARecord, "A record is an object.");
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

            if (Is(ref json, "model"u8))
            {
                if (!json.Read() || !TryReadModel(ref json, text))
                {
                    return false;
                }
            }
            else if (Is(ref json, "pk"u8))
            {
                if (!json.Read() || !TryReadKey(ref json, ref pk))
                {
                    return false;
                }

                Key = pk.Value; // for errors among the fields
            }
            else if (Is(ref json, "fields"u8))
            {
                if (!json.Read())
                {
                    return false;
                }

                var isFirst = fieldsAt < 0;
                fieldsAt = json.Token == JsonTokenType.StartObject ? json.At : -1;
                readFor = isFirst && fieldsAt >= 0 ? Table : null;
                if (readFor is null ? !json.TrySkip() : !TryReadFields(ref json, text, readFor))
                {
                    return false;
                }
            }
            else if (!json.Read() || !json.TrySkip()) // Django passes over whatever else a record has
            {
                return false;
            }
        }

        if (Table is not null && fieldsAt >= 0 && !ReferenceEquals(readFor, Table))
        {
            // The fields came before the model, or more than once; what came last counts.
            var again = new PythonJsonReader(text[..json.End], fieldsAt, literals);
            problems.Clear();
            MoreProblems = 0;
            ignored.Clear();
            again.Read();
            TryReadFields(ref again, text, Table);
        }

        Finish(text, hasFields: fieldsAt >= 0);
        return true;
    }

    private bool TryReadModel(ref PythonJsonReader json, Span<byte> text)
    {
        Table = null;
        Label = null;
        if (json.Token != JsonTokenType.String)
        {
            return json.TrySkip();
        }

        var label = json.Json.ValueIsEscaped
            ? TextOf(in json, new byte[json.Json.ValueSpan.Length])
            : json.Json.ValueSpan;
        Table = tables.Find(label);
        if (Table is null)
        {
            Label = FixtureError.Shorten(Encoding.UTF8.GetString(label));
        }

        return true;
    }

    private static bool TryReadKey(ref PythonJsonReader json, ref RecordKey key)
    {
        key = new RecordKey(
            json.At,
            TryGetInteger(ref json, out var value) ? value : null,
            IsNull: json.Token == JsonTokenType.Null
        );
        return json.TrySkip();
    }

    private bool TryReadFields(ref PythonJsonReader json, Span<byte> text, FixtureTable table)
    {
        Row.Begin(table.StagedColumns);
        Present = 0;
        byName = 0;
        byAlias = 0;
        id = default;
        naiveTimes.Count = 0;
        memberships.Clear();
        var next = 0;
        while (json.Read())
        {
            if (json.Token == JsonTokenType.EndObject)
            {
                return true;
            }

            if (FindField(ref json, table, ref next) is { } field)
            {
                byName |= 1L << field.Index;
                if (!json.Read() || !TryReadValue(ref json, text, table, field))
                {
                    return false;
                }
            }
            else if (FindByAlias(ref json, table) is { } aliased)
            {
                byAlias |= 1L << aliased.Index;
                if (!json.Read() || !TryReadValue(ref json, text, table, aliased))
                {
                    return false;
                }
            }
            else if (Is(ref json, "id"u8))
            {
                if (!json.Read() || !TryReadKey(ref json, ref id))
                {
                    return false;
                }
            }
            else if (table.Membership is { } membership && Is(ref json, membership.FieldUtf8))
            {
                if (!json.Read() || !TryReadMemberships(ref json, text, table, membership))
                {
                    return false;
                }
            }
            else if (!TryPassOver(ref json, text, table))
            {
                return false;
            }
        }

        return false;
    }

    private static FixtureField? FindField(ref PythonJsonReader json, FixtureTable table, ref int next)
    {
        // Fields nearly always come in the same order, so the one after the last is tried first.
        for (var tried = 0; tried < table.Fields.Length; tried++)
        {
            var field = table.Fields[next];
            next = next + 1 == table.Fields.Length ? 0 : next + 1;
            if (Is(ref json, field.NameUtf8))
            {
                return field;
            }
        }

        return null;
    }

    private static FixtureField? FindByAlias(ref PythonJsonReader json, FixtureTable table)
    {
        foreach (var field in table.Aliased)
        {
            if (Is(ref json, field.AliasUtf8))
            {
                return field;
            }
        }

        return null;
    }

    private bool TryReadValue(ref PythonJsonReader json, Span<byte> text, FixtureTable table, FixtureField field)
    {
        var at = json.At;
        var bit = 1L << field.Index;
        if ((byName & byAlias & bit) != 0)
        {
            return TryReadAgain(ref json, text, table, field);
        }

        if ((Present & bit) != 0)
        {
            Forgive(field.Name); // of a name that comes twice, the last counts
        }

        Present |= bit;
        if (json.Token == JsonTokenType.StartArray && field.ByNaturalKey)
        {
            Row.SetNull(FixtureTable.PlaceOf(field));
            return FixtureReference.TryReadNaturalKey(ref json, out var name)
                && (
                    name is null
                        ? Refuse(
                            text,
                            at,
                            FixtureErrorCode.WrongType,
                            "A natural key is a list of one text.",
                            field.Name
                        )
                        : Stage(table.NaturalPlaceOf(IndexOf(table.NaturalReferences, field)), name)
                );
        }

        if (FixtureValue.Read(ref json, field, Row, FixtureTable.PlaceOf(field), naiveTimes) is { } problem)
        {
            Refuse(text, at, problem.Code, problem.Detail, field.Name);
        }

        return json.TrySkip();
    }

    /// <summary>Reads a field that the record has under both of its names: they must say the same.</summary>
    private bool TryReadAgain(ref PythonJsonReader json, Span<byte> text, FixtureTable table, FixtureField field)
    {
        var at = json.At;
        var place = FixtureTable.PlaceOf(field);
        var first = Row[place].ToArray();
        byName &= ~(1L << field.Index);
        if (!TryReadValue(ref json, text, table, field))
        {
            return false;
        }

        var detail = $"'{field.Name}' and '{field.Name}_id' say different things: remove one of the two.";
        return Row[place].SequenceEqual(first) || Refuse(text, at, FixtureErrorCode.Contradiction, detail, field.Name);
    }

    private bool TryReadMemberships(
        ref PythonJsonReader json,
        Span<byte> text,
        FixtureTable table,
        FixtureMembership membership
    )
    {
        var at = json.At;
        memberships.Clear();
        Present |= 1L << table.MembershipBit;
        return FixtureReference.TryReadList(ref json, memberships, out var isList)
            && (
                isList
                || Refuse(
                    text,
                    at,
                    FixtureErrorCode.WrongType,
                    $"The value must be a list of at most {FixtureReference.MaxList} keys, each a whole number or a natural key.",
                    membership.Field
                )
            );
    }

    private bool TryPassOver(ref PythonJsonReader json, Span<byte> text, FixtureTable table)
    {
        var isCarriedNowhere = IsAny(ref json, table.NotCarriedUtf8);
        var isError = !isCarriedNowhere && options.Unknown == WhenFound.Fail;
        var isListed = isError ? problems.Count < FixtureErrors.Limit : ignored.Count < ImportTally.MaxNames;
        var name = isListed ? NameOf(ref json) : "";
        var at = json.At;
        if (!json.Read())
        {
            return false;
        }

        if (isError)
        {
            var detail = isListed ? NoField(table, FixtureError.Shorten(name)) : "";
            return json.TrySkip() && Refuse(text, at, FixtureErrorCode.UnknownField, detail, name);
        }

        var count = 1;
        if (isCarriedNowhere ? !json.TryCount(out count) : !json.TrySkip())
        {
            return false;
        }

        if (isListed && count > 0)
        {
            ignored.Add(($"{table.Label}.{FixtureError.Shorten(name)}", count));
        }
        else if (count > 0)
        {
            ignored[^1] = (ImportTally.Others, ignored[^1].Count + count);
        }

        return true;
    }

    private static string NoField(FixtureTable table, string name) =>
        Suggestion.For(name, table.Fields.Select(field => field.Name)) is { } meant
            ? $"{table.Label} has no field '{name}'; did you mean '{meant}'?"
            : $"{table.Label} has no field '{name}'.";

    private void Finish(Span<byte> text, bool hasFields)
    {
        if (Table is not { } table)
        {
            if (Label is null)
            {
                Refuse(text, 0, FixtureErrorCode.NotARecord, "A record names its model.");
            }
            else if (options.Unknown == WhenFound.Fail && !FixtureTables.IsBookkeeping(Label))
            {
                Refuse(text, 0, FixtureErrorCode.UnknownModel, tables.NoModel(Label));
            }

            return;
        }

        FindKey(text, table);
        if (!hasFields)
        {
            Refuse(text, 0, FixtureErrorCode.NotARecord, "A record has an object of fields.");
            return;
        }

        FillIn(text, table);
    }

    /// <summary>The key is <c>pk</c> or, as in Django, an <c>id</c> among the fields.</summary>
    private void FindKey(Span<byte> text, FixtureTable table)
    {
        var key = id.IsThere ? id : pk;
        Key = key.Value;
        if (key is { IsThere: true, IsNull: false } && Key is null or < 1 || Key > table.MaxKey)
        {
            var detail = $"The key of {table.Label} must be a whole number from 1 to {table.MaxKey}, or null.";
            Refuse(text, key.At, FixtureErrorCode.BadKey, detail, "pk");
        }
        else if (id.IsThere && pk is { IsThere: true, IsNull: false } && id.Value != pk.Value)
        {
            const string Detail = "'id' among the fields and 'pk' are not the same key: remove one of the two.";
            Refuse(text, id.At, FixtureErrorCode.Contradiction, Detail, "pk");
        }
    }

    private void FillIn(Span<byte> text, FixtureTable table)
    {
        for (var index = 0; index < table.Fields.Length; index++)
        {
            var field = table.Fields[index];
            if ((Present & (1L << index)) == 0)
            {
                FillIn(text, table, field);
            }
        }

        for (var index = 0; index < table.UpperCased.Length; index++)
        {
            var source = FixtureTable.PlaceOf(table.Find(table.UpperCased[index].UpperCaseOf!)!);
            if (!Row.IsNull(source))
            {
                var upper = Encoding.UTF8.GetString(Row[source]).ToUpperInvariant();
                Row.Set(table.UpperCasedPlaceOf(index), Encoding.UTF8.GetBytes(upper));
            }
        }

        if (table.Password is { } password && (Present & (1L << password.Index)) != 0)
        {
            var place = FixtureTable.PlaceOf(password);
            MustSetPassword = !Row.IsNull(place) && !PasswordHashes.CanBeVerified(Encoding.UTF8.GetString(Row[place]));
        }

        Row.Set(0, Number);
        Row.Set(1, Line);
        Row.Set(2, Offset);
        if (Key is { } key)
        {
            Present |= 1L << table.KeyBit;
            Row.Set(4, key);
        }

        Row.Set(3, Present);
    }

    private void FillIn(Span<byte> text, FixtureTable table, FixtureField field)
    {
        var place = FixtureTable.PlaceOf(field);
        if (options.Missing == MissingFields.Default && !field.IsInvented)
        {
            Present |= 1L << field.Index;
            if (field.Required)
            {
                Refuse(text, 0, FixtureErrorCode.Required, $"{table.Label} needs '{field.Name}'.", field.Name);
            }
        }

        if (!field.Required)
        {
            FixtureValue.SetDefault(field, Row, place, now);
        }
    }

    /// <summary>A method of its own, because the closure would cost an allocation for every value.</summary>
    private void Forgive(string name) => problems.RemoveAll(problem => problem.Field == name);

    private bool Stage(int place, ReadOnlySpan<byte> value)
    {
        Row.Set(place, value);
        return true;
    }

    /// <returns>True, so that the reading goes on.</returns>
    private bool Refuse(Span<byte> text, int at, string code, string detail, string? field = null)
    {
        if (problems.Count >= FixtureErrors.Limit)
        {
            MoreProblems++;
            return true;
        }

        problems.Add(
            new FixtureError(
                code,
                detail,
                Number,
                FixtureError.PointerTo(Number, field),
                Line + LinesBefore(text, at),
                Offset + at,
                Table?.Label ?? Label,
                Key,
                field is null ? null : FixtureError.Shorten(field)
            )
        );
        return true;
    }

    /// <summary>Goes on from where it was asked last, for there may be many problems in a long record.</summary>
    private int LinesBefore(ReadOnlySpan<byte> text, int at)
    {
        var (from, lines) = at >= counted.At ? counted : default;
        counted = (at, lines + text[from..at].Count((byte)'\n'));
        return counted.Lines;
    }

    private static int IndexOf(IReadOnlyList<FixtureField> fields, FixtureField field)
    {
        var index = 0;
        while (!ReferenceEquals(fields[index], field))
        {
            index++;
        }

        return index;
    }

    private static bool TryGetInteger(ref PythonJsonReader json, out long value) =>
        FixtureValue.TryGetInteger(ref json, out value);

    private static bool Is(ref PythonJsonReader json, ReadOnlySpan<byte> name) =>
        json.Json.ValueIsEscaped
            ? FixtureValue.TryGetText(in json, new byte[json.Json.ValueSpan.Length], out var text)
                && text.SequenceEqual(name)
            : json.Json.ValueSpan.SequenceEqual(name);

    private static bool IsAny(ref PythonJsonReader json, IReadOnlyList<byte[]> names)
    {
        foreach (var name in names)
        {
            if (Is(ref json, name))
            {
                return true;
            }
        }

        return false;
    }

    private static string NameOf(ref PythonJsonReader json) =>
        Encoding.UTF8.GetString(TextOf(in json, new byte[json.Json.ValueSpan.Length]));

    /// <summary>A key as the file says it.</summary>
    private readonly record struct RecordKey(int At, long? Value, bool IsNull)
    {
        public bool IsThere => At > 0;
    }

    /// <summary>The text without its escapes; as it stands in the file when it is broken.</summary>
    private static ReadOnlySpan<byte> TextOf(scoped in PythonJsonReader json, Span<byte> space) =>
        FixtureValue.TryGetText(in json, space, out var text) ? text : json.Json.ValueSpan;
}
