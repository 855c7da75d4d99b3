using System.Globalization;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>Why one record of a fixture cannot be imported.</summary>
/// <param name="Code">One of <see cref="FixtureErrorCode"/>.</param>
/// <param name="Detail">One sentence for people.</param>
/// <param name="Record">The record's place in the file, counted from 0; null when the file itself is at fault.</param>
/// <param name="Pointer">The value, as a JSON pointer in fragment form: <c>#/1234/fields/score</c>.</param>
/// <param name="Line">The line of the value, counted from 1.</param>
/// <param name="ByteOffset">The place of the value in the file as UTF-8 without its byte order mark, counted from 0.</param>
/// <param name="Model">The Django label, if the record got as far as to name one.</param>
/// <param name="Pk">The record's key, if it has a readable one.</param>
/// <param name="Field">The field's name in the file.</param>
/// <param name="Column">The place in the line of what is not JSON: in characters, counted from 1, as an editor does.</param>
internal sealed record FixtureError(
    string Code,
    string Detail,
    long? Record,
    string Pointer,
    long Line,
    long ByteOffset,
    string? Model = null,
    long? Pk = null,
    string? Field = null,
    long? Column = null
)
{
    private const int MaxName = 100;

    private const int MinHash = 20;

    /// <summary>What is wrong with the file as a whole, or with all records of a model.</summary>
    public static FixtureError OfFile(string code, string detail, string? model = null) =>
        new(code, detail, Record: null, Pointer: "#", Line: 1, ByteOffset: 0, model);

    /// <summary>The JSON pointer of a record's field, or of its <c>pk</c>, in fragment form (RFC 6901, section 6).</summary>
    public static string PointerTo(long record, string? field)
    {
        var pointer = string.Create(CultureInfo.InvariantCulture, $"#/{record}");
        return field switch
        {
            null => pointer,
            "pk" => $"{pointer}/pk",
            _ => $"{pointer}/fields/{Uri.EscapeDataString(Shorten(field).Replace("~", "~0").Replace("/", "~1"))}",
        };
    }

    /// <summary>The place and what is wrong there.</summary>
    public string Describe() => Column is null ? $"Line {Line}: {Detail}" : $"Line {Line}, column {Column}: {Detail}";

    /// <summary>
    /// A name from the file, as it may be shown and kept: not too long, without U+0000, which jsonb cannot hold, and not at all where a password's
    /// hash stands in its place.
    /// </summary>
    public static string Shorten(string name) =>
        MayBeHash(name) ? "…" : (name.Length <= MaxName ? name : $"{name.AsSpan(0, MaxName)}…").Replace('\0', '\uFFFD');

    /// <summary>Django's hashes have a '$' between their parts; what has none, or lost it, is a long run of letters and digits.</summary>
    private static bool MayBeHash(string name) =>
        name.Contains('$')
        || name.Split('_', '.', '-', ' ').Any(part => part.Length >= MinHash && part.Any(char.IsAsciiDigit));
}
