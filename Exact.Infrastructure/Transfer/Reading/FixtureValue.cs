using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Wire;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>
/// A JSON value as the bytes that binary COPY takes. What Django writes is read, and of what <c>loaddata</c> takes beyond that, all
/// whose meaning is plain; a number for a string, for example, is an error.
/// </summary>
internal static class FixtureValue
{
    /// <summary>Puts the value that the reader is at into the row, or says what is wrong with it.</summary>
    public static FixtureProblem? Read(
        ref PythonJsonReader json,
        FixtureField field,
        CopyRow row,
        int place,
        NaiveTimes naiveTimes
    )
    {
        if (json.Token == JsonTokenType.Null)
        {
            row.SetNull(place);
            return field.Nullable ? null : new(FixtureErrorCode.Null, $"'{field.Name}' must not be null.");
        }

        switch (field.Kind)
        {
            case FixtureKind.Text:
                return ReadText(ref json, field, row, place);
            case FixtureKind.Timestamp:
                return ReadTimestamp(ref json, row, place, naiveTimes);
            case FixtureKind.Number:
                return ReadNumber(ref json, row, place);
            case FixtureKind.Boolean:
                if (!TryGetBoolean(ref json, out var truth))
                {
                    return new(FixtureErrorCode.WrongType, "The value must be true or false.");
                }

                row.Set(place, truth);
                return null;
            default:
                if (!TryGetInteger(ref json, out var integer))
                {
                    return new(FixtureErrorCode.WrongType, "The value must be a whole number.");
                }

                if (field.Is32Bit && integer is (< int.MinValue or > int.MaxValue))
                {
                    return new(
                        FixtureErrorCode.OutOfRange,
                        $"The number must be from {int.MinValue} to {int.MaxValue}."
                    );
                }

                row.Set(place, integer);
                return null;
        }
    }

    /// <summary>What a new row gets where its record says nothing.</summary>
    public static void SetDefault(FixtureField field, CopyRow row, int place, long now)
    {
        switch (field.Default)
        {
            case bool truth:
                row.Set(place, truth);
                break;
            case string text:
                Encoding.UTF8.GetBytes(text, row.Reserve(place, Encoding.UTF8.GetByteCount(text)));
                break;
            case DateTimeOffset:
                row.Set(place, now);
                break;
            case int number:
                row.Set(place, (long)number);
                break;
            case null when field.Nullable:
                row.SetNull(place);
                break;
            default:
                row.Set(place, ""u8); // Django's default of a string that cannot be null
                break;
        }
    }

    /// <summary>The text without its escapes; false when it is not Unicode.</summary>
    /// <param name="json">A reader at a string or a property name.</param>
    /// <param name="space">Room for it: as much as it takes in the file.</param>
    /// <param name="text">The text, in <paramref name="space"/> or where it was.</param>
    public static bool TryGetText(scoped in PythonJsonReader json, Span<byte> space, out ReadOnlySpan<byte> text)
    {
        if (!json.Json.ValueIsEscaped)
        {
            text = json.Json.ValueSpan;
            return Utf8.IsValid(text);
        }

        try
        {
            text = space[..json.Json.CopyString(space)];
            return true;
        }
        catch (InvalidOperationException)
        {
            text = default;
            return false;
        }
    }

    /// <summary>Whole numbers, also as <c>5.0</c> and <c>"5"</c>.</summary>
    public static bool TryGetInteger(ref PythonJsonReader json, out long value)
    {
        value = 0;
        switch (json.Token)
        {
            case JsonTokenType.Number when json.IsLiteral(out _):
                return false;
            case JsonTokenType.Number:
                if (json.Json.TryGetInt64(out value))
                {
                    return true;
                }

                var isWhole =
                    json.Json.TryGetDouble(out var number)
                    && Math.Abs(number) < 1L << 53
                    && number == Math.Truncate(number);
                value = isWhole ? (long)number : 0;
                return isWhole;
            case JsonTokenType.String:
                var text = json.Json.ValueSpan;
                return Utf8Parser.TryParse(text, out value, out var used) && used == text.Length;
            default:
                return false;
        }
    }

    private static FixtureProblem? ReadText(ref PythonJsonReader json, FixtureField field, CopyRow row, int place)
    {
        if (json.Token != JsonTokenType.String)
        {
            return new(FixtureErrorCode.WrongType, "The value must be a string.");
        }

        ReadOnlySpan<byte> text;
        if (json.Json.ValueIsEscaped)
        {
            if (!TryGetText(in json, row.Reserve(place, json.Json.ValueSpan.Length), out text))
            {
                return new(FixtureErrorCode.BadText, "The string is not valid Unicode.");
            }

            if (text.Contains((byte)0))
            {
                return new(
                    FixtureErrorCode.BadText,
                    "The string must not contain U+0000, which PostgreSQL cannot store."
                );
            }

            row.Trim(place, text.Length);
        }
        else
        {
            text = json.Json.ValueSpan;
            if (!Utf8.IsValid(text))
            {
                return new(FixtureErrorCode.BadText, "The string is not valid UTF-8.");
            }

            row.Set(place, text);
        }

        if (text.IsEmpty && field.EmptyIsNull)
        {
            row.SetNull(place);
            return null;
        }

        if (field.MaxLength is { } most && text.Length > most && CodePoints(text) is var length && length > most)
        {
            return new(
                FixtureErrorCode.TooLong,
                $"The value has {length} characters; '{field.Name}' takes at most {most}."
            );
        }

        if (field.Choices is { } choices && !Contains(choices, text))
        {
            var names = string.Join(", ", choices.Select(Encoding.UTF8.GetString));
            return new(FixtureErrorCode.BadChoice, $"'{field.Name}' must be one of {names}.");
        }

        return field.Check?.Invoke(text);
    }

    private static FixtureProblem? ReadTimestamp(
        ref PythonJsonReader json,
        CopyRow row,
        int place,
        NaiveTimes naiveTimes
    )
    {
        Span<byte> space = stackalloc byte[256]; // longer than any time, escapes included
        if (
            json.Token != JsonTokenType.String
            || json.Json.ValueSpan.Length > space.Length
            || !TryGetText(in json, space, out var text)
            || !FixtureTimestamp.TryParse(text, out var microseconds, out var isNaive)
        )
        {
            return new(
                FixtureErrorCode.BadTimestamp,
                "The value must be a time, such as 2025-01-31T12:00:00Z or 2025-01-31T13:00:00.123456+01:00."
            );
        }

        if (isNaive && !naiveTimes.TryToUtc(ref microseconds))
        {
            return new(FixtureErrorCode.BadTimestamp, naiveTimes.NoSuchTime);
        }

        row.Set(place, microseconds);
        return null;
    }

    private static FixtureProblem? ReadNumber(ref PythonJsonReader json, CopyRow row, int place)
    {
        var text = json.Json.ValueSpan;
        if (
            json.Token is not (JsonTokenType.Number or JsonTokenType.String)
            || !Utf8Parser.TryParse(text, out double number, out var used)
            || used != text.Length
        )
        {
            return new(FixtureErrorCode.WrongType, "The value must be a number or null.");
        }

        if (json.IsLiteral(out var literal))
        {
            number = literal;
        }
        else if (!double.IsFinite(number) && text.ContainsAnyInRange((byte)'0', (byte)'9')) // 1e400 becomes infinity without a word
        {
            return new(FixtureErrorCode.OutOfRange, "The number is too large: it must fit into double precision.");
        }

        row.Set(place, number);
        return null;
    }

    private static bool TryGetBoolean(ref PythonJsonReader json, out bool value)
    {
        var text = json.Token is JsonTokenType.String or JsonTokenType.Number ? json.Json.ValueSpan : default;
        value =
            json.Token == JsonTokenType.True
            || text.SequenceEqual("1"u8)
            || text.SequenceEqual("t"u8)
            || text.SequenceEqual("True"u8);
        return value
            || json.Token == JsonTokenType.False
            || (text.SequenceEqual("0"u8) && !json.IsLiteral(out _))
            || text.SequenceEqual("f"u8)
            || text.SequenceEqual("False"u8);
    }

    private static bool Contains(byte[][] choices, ReadOnlySpan<byte> text)
    {
        foreach (var choice in choices)
        {
            if (text.SequenceEqual(choice))
            {
                return true;
            }
        }

        return false;
    }

    private static int CodePoints(ReadOnlySpan<byte> text)
    {
        var count = 0;
        foreach (var value in text)
        {
            count += (value & 0xC0) == 0x80 ? 0 : 1;
        }

        return count;
    }
}
