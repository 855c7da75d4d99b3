using System.Globalization;
using System.Text.Json.Serialization;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>Why one record of a fixture cannot be imported.</summary>
/// <param name="Code">One of <see cref="FixtureErrorCode"/>.</param>
/// <param name="Detail">One sentence for people.</param>
/// <param name="Record">The record's place in the file, counted from 0; null when the file itself is at fault.</param>
/// <param name="Pointer">The value, as a JSON pointer in fragment form: <c>#/1234/fields/score</c>.</param>
/// <param name="Place">Where the value is; null if no place is known, as for what the database refuses.</param>
/// <param name="Model">The Django label, if the record got as far as to name one.</param>
/// <param name="Pk">The record's key, if it has a readable one.</param>
/// <param name="Field">The field's name in the file.</param>
/// <param name="Records">How many records it stands for: those that all lack the same model or field are one error, at the first.</param>
internal sealed record FixtureError(
    string Code,
    string Detail,
    long? Record,
    string Pointer,
    [property: JsonIgnore] FilePlace? Place,
    string? Model = null,
    long? Pk = null,
    string? Field = null,
    long Records = 1
)
{
    private const int MaxName = 100;

    private const int MinHash = 20;

    /// <summary>The line of the value, counted from 1.</summary>
    public long? Line => Place?.Line;

    /// <summary>Its place in the line: in characters, counted from 1, as an editor does.</summary>
    public long? Column => Place?.Column;

    /// <summary>Its place in the file as it was sent, unpacked: in bytes, counted from 0.</summary>
    public long? ByteOffset => Place?.Offset;

    /// <summary>What is wrong with the file as a whole, or with all records of a model.</summary>
    public static FixtureError OfFile(string code, string detail, string? model = null) =>
        new(code, detail, Record: null, Pointer: "#", Place: null, model);

    /// <summary>The JSON pointer of a record, or of its field, in fragment form (RFC 6901, section 6).</summary>
    public static string PointerTo(long record, string? field = null)
    {
        var pointer = string.Create(CultureInfo.InvariantCulture, $"#/{record}");
        return field is null
            ? pointer
            : $"{pointer}/fields/{Uri.EscapeDataString(Shorten(field).Replace("~", "~0").Replace("/", "~1"))}";
    }

    /// <summary>The JSON pointer of a record's <c>pk</c>.</summary>
    public static string PointerToKey(long record) => $"{PointerTo(record)}/pk";

    /// <summary>The place, if it is known, and what is wrong there.</summary>
    public string Describe() => Place is null ? Detail : $"Line {Line}, column {Column}: {Detail}";

    /// <summary>
    /// A name from the file, as it may be shown and kept: not too long, without U+0000, which jsonb cannot hold, and
    /// not at all where a password's hash stands in its place.
    /// </summary>
    public static string Shorten(string name) =>
        MayBeHash(name) ? "…" : (name.Length <= MaxName ? name : $"{name.AsSpan(0, MaxName)}…").Replace('\0', '\uFFFD');

    /// <summary>Django's hashes have a '$' between their parts; what has none, or lost it, is a long run of letters and digits.</summary>
    private static bool MayBeHash(string name) =>
        name.Contains('$')
        || (
            name.Length >= MinHash // splitting costs, and there may be hundreds of thousands of wrong values
            && name.Split('_', '.', '-', ' ').Any(part => part.Length >= MinHash && part.Any(char.IsAsciiDigit))
        );
}
