using System.Text;
using System.Text.Json;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>Where a fixture cannot be read on, for the error that says why.</summary>
/// <param name="text">What has been read, as UTF-8.</param>
/// <param name="start">Where in it the reader stands.</param>
/// <param name="place">The same place in the file.</param>
/// <param name="encoding">How the file is encoded; null if it is UTF-8.</param>
internal readonly ref struct FixtureFault(Span<byte> text, int start, FilePlace place, Encoding? encoding)
{
    private readonly Span<byte> text = text;

    /// <summary>Whether the text begins where the file does.</summary>
    public required bool HasBeginning { get; init; }

    public required bool IsArray { get; init; }

    public required bool IsAfterList { get; init; }

    public required bool IsUnpacked { get; init; }

    /// <summary>The number of the record at fault; null if it is the file.</summary>
    public required long? Record { get; init; }

    private Span<byte> Rest => text[start..];

    public FixtureError At(string code, string detail, int at) =>
        new(
            code,
            detail,
            Record,
            Record is { } record ? FixtureError.PointerTo(record) : "#",
            place.After(text[start..at], encoding)
        );

    /// <summary>What is not JSON, or would not be there if the file were a fixture from its first line on.</summary>
    public FixtureError Misplaced(string what, int at)
    {
        var beginning = HasBeginning ? text : default;
        var line = place.After(text[start..at], encoding).Line;
        if (NotAFixture.AfterOtherOutput(beginning, line, IsAfterList) is { } output)
        {
            return At(FixtureErrorCode.NotJson, output, at);
        }

        var notUtf8 = Record is null ? -1 : NotUtf8.Find(Rest);
        return notUtf8 >= 0 && start + notUtf8 <= at ? NotUtf8At(notUtf8) : At(FixtureErrorCode.NotJson, what, at);
    }

    /// <param name="at">Counted from where the reader stands.</param>
    public FixtureError NotUtf8At(int at) =>
        At(FixtureErrorCode.NotUtf8, NotUtf8.Describe(Rest, place.After(Rest[..at], encoding), IsUnpacked), start + at);

    /// <summary>A record that the parser cannot read.</summary>
    public FixtureError Syntax(JsonException notJson)
    {
        var (at, what) = SyntaxFault.Find(Rest, PythonJsonReader.MaxDepth) ?? (PlaceOf(notJson), "This is not JSON.");
        return Misplaced(at == 0 ? NotAFixture.InsteadOfRecord(Rest, IsArray) : what, start + at);
    }

    public FixtureError TooLarge(int maxRecord) =>
        NotUtf8.Find(Rest) is var notUtf8 and >= 0
            ? NotUtf8At(notUtf8)
            : At(FixtureErrorCode.RecordTooLarge, $"A record has at most {maxRecord} bytes.", start);

    /// <summary>The end of the file, within a record.</summary>
    public FixtureError CutOff() =>
        NotUtf8.Find(Rest) is var notUtf8 and >= 0
            ? NotUtf8At(notUtf8)
            : At(FixtureErrorCode.NotJson, "The file ends within a record: it was cut off.", text.Length);

    /// <summary>The end of the file, before that of its list.</summary>
    public FixtureError EndsEarly(bool isEmpty) =>
        At(
            FixtureErrorCode.NotJson,
            isEmpty
                ? "The file is empty. If a dump made it, that failed: dump again. To import nothing, send []."
                : "The file ends before its list does: it was cut off.",
            start
        );

    /// <summary>Where the parser says that the fault is, counted from the beginning of the record.</summary>
    private int PlaceOf(JsonException notJson)
    {
        var at = 0;
        for (var lines = notJson.LineNumber ?? 0; lines > 0; lines--)
        {
            at += Rest[at..].IndexOf((byte)'\n') + 1;
        }

        return Math.Min(at + (int)(notJson.BytePositionInLine ?? 0), Rest.Length);
    }
}
