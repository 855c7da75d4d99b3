using System.Text;
using System.Text.Json;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>
/// A <see cref="Utf8JsonReader"/> that also takes <c>NaN</c>, <c>Infinity</c> and <c>-Infinity</c>, which Python's json module
/// writes. Such a literal is overwritten in the buffer by a zero and blanks just before the reader comes to it, and
/// remembered by its place.
/// </summary>
internal ref struct PythonJsonReader
{
    /// <summary>How deep lists and objects may be nested.</summary>
    public const int MaxDepth = 16;

    private static readonly JsonReaderOptions Options = new() { MaxDepth = MaxDepth, AllowMultipleValues = true };

    private readonly Span<byte> text;
    private readonly int start;
    private readonly List<(int At, double Value)> literals;

    public Utf8JsonReader Json;

    /// <param name="text">A buffer that begins with the record.</param>
    /// <param name="start">Where to begin to read in it.</param>
    /// <param name="literals">The literals that were overwritten in this buffer.</param>
    public PythonJsonReader(Span<byte> text, int start, List<(int At, double Value)> literals)
    {
        this.text = text;
        this.start = start;
        this.literals = literals;
        Json = new Utf8JsonReader(text[start..], isFinalBlock: false, new JsonReaderState(Options));
    }

    public readonly JsonTokenType Token => Json.TokenType;

    /// <summary>The place of the token in the buffer.</summary>
    public readonly int At => start + (int)Json.TokenStartIndex;

    /// <summary>The place after the token.</summary>
    public readonly int End => start + (int)Json.BytesConsumed;

    /// <summary>Goes to the next token; false when the buffer ends before it does.</summary>
    /// <exception cref="JsonException">This is not JSON.</exception>
    public bool Read()
    {
        var at = End;
        while (at < text.Length && text[at] is (byte)' ' or (byte)',' or (byte)'\n' or (byte)'\r' or (byte)'\t')
        {
            at++;
        }

        if (at < text.Length && text[at] is (byte)'N' or (byte)'I' or (byte)'-' && !TakeLiteral(at))
        {
            return false;
        }

        return Json.Read();
    }

    /// <summary>Goes to the end of the value that the reader is at.</summary>
    public bool TrySkip()
    {
        if (Token is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
        {
            return true;
        }

        var depth = Json.CurrentDepth;
        do
        {
            if (!Read())
            {
                return false;
            }
        } while (Json.CurrentDepth > depth);

        return true;
    }

    /// <summary>Goes to the end of the list that the reader is at, and counts its entries; what is no list has none.</summary>
    public bool TryCount(out int count)
    {
        count = 0;
        if (Token != JsonTokenType.StartArray)
        {
            return TrySkip();
        }

        while (Read())
        {
            if (Token == JsonTokenType.EndArray)
            {
                return true;
            }

            count++;
            if (!TrySkip())
            {
                return false;
            }
        }

        return false;
    }

    /// <summary>The token stands for a literal that JSON does not have.</summary>
    public readonly bool IsLiteral(out double value)
    {
        // They were found in the order of the text, and NaN sorts before every other value of the same place.
        var index = literals.BinarySearch((At, double.NaN));
        index = index < 0 ? ~index : index;
        var isLiteral = index < literals.Count && literals[index].At == At;
        value = isLiteral ? literals[index].Value : 0;
        return isLiteral;
    }

    /// <summary>Whether the token is this name.</summary>
    public readonly bool Is(ReadOnlySpan<byte> name) =>
        Json.ValueIsEscaped
            ? FixtureValue.TryGetText(in this, new byte[Json.ValueSpan.Length], out var text)
                && text.SequenceEqual(name)
            : Json.ValueSpan.SequenceEqual(name);

    /// <summary>Whether the token is one of these names.</summary>
    public readonly bool IsAny(IReadOnlyList<byte[]> names)
    {
        foreach (var name in names)
        {
            if (Is(name))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The token as a name.</summary>
    public readonly string GetName() => Encoding.UTF8.GetString(GetText(new byte[Json.ValueSpan.Length]));

    /// <summary>The text without its escapes; as it stands in the file when it is broken.</summary>
    /// <param name="space">Room for it, if it has escapes.</param>
    public readonly ReadOnlySpan<byte> GetText(Span<byte> space) =>
        FixtureValue.TryGetText(in this, space, out var text) ? text : Json.ValueSpan;

    /// <summary>Puts the overwritten literals back, because the record will be read again when there is more of it.</summary>
    public readonly void Undo()
    {
        foreach (var (at, value) in literals)
        {
            NameOf(value).CopyTo(text[at..]);
        }

        literals.Clear();
    }

    private readonly bool TakeLiteral(int at)
    {
        var rest = text[at..];
        foreach (var value in (ReadOnlySpan<double>)[double.NaN, double.PositiveInfinity, double.NegativeInfinity])
        {
            var name = NameOf(value);
            if (rest.StartsWith(name))
            {
                literals.Add((at, value));
                rest[..name.Length].Fill((byte)' ');
                rest[0] = (byte)'0';
                return true;
            }

            if (name.StartsWith(rest))
            {
                return false;
            }
        }

        return true;
    }

    private static ReadOnlySpan<byte> NameOf(double value) =>
        double.IsNaN(value) ? "NaN"u8
        : value > 0 ? "Infinity"u8
        : "-Infinity"u8;
}
