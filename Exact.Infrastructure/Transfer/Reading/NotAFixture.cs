using System.Text;
using System.Text.RegularExpressions;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>Names what stands where a list or a record of a fixture should, and says what to do about it.</summary>
internal static partial class NotAFixture
{
    private const int MaxExcerpt = 40;

    private const int MaxLine = 4096;

    /// <summary>A longer run without a blank may be the rest of a password's hash.</summary>
    private const int MaxRun = 20;

    private const string UseOutput = "(manage.py dumpdata --output FILE keeps other output out of it.)";

    private const string Joined =
        "A second file follows the end of the list: import the files one after the other, or make one list of them.";

    /// <summary>What a file is that begins neither a list nor an object.</summary>
    public static string AtBeginning(ReadOnlySpan<byte> text) =>
        OtherFormats.NameOfText(text)
        ?? $"A fixture is a JSON list of records, or one record a line; this file begins with {Quote(text)}.";

    /// <summary>What stands where a record should.</summary>
    public static string InsteadOfRecord(ReadOnlySpan<byte> text, bool isList) =>
        text switch
        {
            [(byte)']', ..] => "The ',' before this ']' is one too many: remove it.",
            [(byte)',', ..] when !isList =>
                "Records that stand one a line have no ',' between them. If they were a list, its '[' is missing: is the file whole?",
            [(byte)',', ..] => "This ',' is one too many: remove it.",
            [(byte)'[', ..] when SecondFile().IsMatch(StartOf(text)) =>
                "A list follows records that stand one a line, as where files are joined: import them one after the other.",
            _ => FaultText.NameOf(text) ?? $"A record begins with '{{', and not with {Quote(text)}.",
        };

    /// <summary>What stands after a record of a list.</summary>
    public static string AfterRecord(ReadOnlySpan<byte> text) =>
        text switch
        {
            [(byte)'{', ..] => "Two records have no ',' between them.",
            [(byte)'}', ..] => "This '}' is one too many: remove it.",
            _ => FaultText.NameOf(text) ?? $"After a record, a ',' or a ']' must follow, not {Quote(text)}.",
        };

    /// <summary>What stands after a list.</summary>
    public static string AfterList(ReadOnlySpan<byte> text) =>
        text switch
        {
            [(byte)',', ..] => "The list has ended, and a ',' follows: make one list of all records.",
            [(byte)']', ..] => "This ']' is one too many: remove it.",
            [0, ..] => "Zero bytes follow the end of the list, as after a crash or on a full disk: remove them.",
            _ when SecondFile().IsMatch(StartOf(text)) => Joined,
            _ => $"The list has ended, and {Quote(text)} follows: remove it.",
        };

    /// <summary>What to say when the fixture begins only after the fault; null when it does not.</summary>
    /// <param name="file">The file from its beginning, as far as it has been read.</param>
    /// <param name="line">The line that is at fault.</param>
    /// <param name="isAfterList">The fault is behind a list; another fixture may follow it.</param>
    public static string? AfterOtherOutput(ReadOnlySpan<byte> file, long line, bool isAfterList)
    {
        if (line == 1 && WithinLine().Match(StartOf(file, MaxLine)) is { Success: true, Groups: [_, var list] })
        {
            var place = new FilePlace(Line: 1, Column: 1, Offset: 0).After(file[..list.Index], encoding: null);
            return $"The fixture begins in column {place.Column} of this line: remove what stands before it. {UseOutput}";
        }

        var at = 0;
        var begins = 1L;
        for (; !BeginsFixture(file[at..]); begins++)
        {
            var end = file[at..].IndexOf((byte)'\n');
            if (end < 0)
            {
                return null;
            }

            at += end + 1;
        }

        var isBefore = begins < line || (begins == line && isAfterList);
        return at == 0 || isBefore || file[..at].IndexOf("fields"u8) >= 0 ? null // a broken record, and then the next
            : begins == line ? $"The fixture begins here: remove what stands before it. {UseOutput}"
            : $"This is not part of the fixture, which begins on a later line: remove what stands before it. {UseOutput}";
    }

    private static bool BeginsFixture(ReadOnlySpan<byte> line) => Beginning().IsMatch(StartOf(line));

    /// <param name="text">The text.</param>
    /// <param name="length">By default enough for the indentation of a list, an object and its first name.</param>
    private static string StartOf(ReadOnlySpan<byte> text, int length = 256) =>
        Encoding.Latin1.GetString(text[..Math.Min(text.Length, length)]);

    /// <summary>The rest of the line, if it has been read to its end and there can be no part of a password in it.</summary>
    private static string Quote(ReadOnlySpan<byte> text)
    {
        var end = text.IndexOfAny((byte)'\n', (byte)'\r');
        var line = Encoding.UTF8.GetString(text[..Math.Max(end, 0)]).TrimEnd();
        var isPlain =
            line.Length > 0
            && !line.AsSpan().ContainsAny("\"'$\uFFFD")
            && !line.Any(char.IsControl)
            && line.Split(' ').All(run => run.Length < MaxRun);
        return !isPlain ? "something else"
            : line.Length <= MaxExcerpt ? $"'{line}'"
            : $"'{line.AsSpan(0, MaxExcerpt - 1)}…'";
    }

    [GeneratedRegex("""\A(\xEF\xBB\xBF)?[ \t]*(\[\s*)?\{\s*"(model|pk|fields)"\s*:""", RegexOptions.CultureInvariant)]
    private static partial Regex Beginning();

    /// <summary>A list behind other text of the same line, found in time proportional to its length.</summary>
    [GeneratedRegex(
        """\A(?>[\xEF\xBB\xBF\s-[\n]]*)[^\n"][^\n"]*?(\[\s*\{\s*"(?:model|pk|fields)"\s*:)""",
        RegexOptions.CultureInvariant
    )]
    private static partial Regex WithinLine();

    [GeneratedRegex(
        """\A(\xEF\xBB\xBF|\xFF\xFE|\xFE\xFF|(\[\s*(\{|\]|\z))|(\{\s*("(model|pk|fields)"|\}|\z)))""",
        RegexOptions.CultureInvariant
    )]
    private static partial Regex SecondFile();
}
