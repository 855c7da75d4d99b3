using System.Text;
using System.Text.RegularExpressions;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>Names what stands where a list or a record of a fixture should, and says what to do about it.</summary>
internal static partial class NotAFixture
{
    private const int MaxExcerpt = 40;

    /// <summary>A longer run without a blank may be the rest of a password's hash.</summary>
    private const int MaxRun = 20;

    private const string Joined =
        "A second file follows the end of the list: import the files one after the other, or make one list of them.";

    /// <summary>What a file is that begins neither a list nor an object.</summary>
    public static string AtBeginning(ReadOnlySpan<byte> text) =>
        text switch
        {
            [0x1F, 0x8B, ..] => "The file is compressed with gzip, twice: unpack it.",
            [0x28, 0xB5, 0x2F, 0xFD, ..] =>
                "The file is compressed with zstd: unpack it, or compress it with gzip or brotli.",
            [(byte)'B', (byte)'Z', (byte)'h', ..] or [0xFD, (byte)'7', (byte)'z', ..] or [(byte)'P', (byte)'K', ..] =>
                "The file is an archive: unpack it, or compress it with gzip or brotli.",
            _ when text.Length > 262 && text[257..].StartsWith("ustar"u8) =>
                "The file is a tar archive: unpack it, and import the fixture that it holds.",
            _ when text.StartsWith("SQLite format 3\0"u8) =>
                "The file is an SQLite database: let Django write a fixture, with manage.py dumpdata.",
            _ when text.StartsWith("PGDMP"u8) || text.StartsWith("--"u8) =>
                "The file is a dump of a database: let Django write a fixture, with manage.py dumpdata.",
            [(byte)'<', ..] => "The file is XML: let Django write JSON, with manage.py dumpdata --format json.",
            _ when text.StartsWith("- "u8) =>
                "The file is YAML: let Django write JSON, with manage.py dumpdata --format json.",
            _ when text.Contains((byte)0) => "The file looks like UTF-16 without a byte order mark: save it as UTF-8.",
            _ => $"A fixture is a JSON list of records, or one record a line; this file begins with {Quote(text)}.",
        };

    /// <summary>What stands where a record should.</summary>
    public static string InsteadOfRecord(ReadOnlySpan<byte> text, bool isList) =>
        text switch
        {
            [(byte)']', ..] => "The ',' before this ']' is one too many: remove it.",
            [(byte)',', ..] when !isList =>
                "Records that stand one a line have no ',' between them. If they were a list, its '[' is missing: is the file whole?",
            [(byte)',', ..] => "This ',' is one too many: remove it.",
            _ => SyntaxFault.NameOf(text) ?? $"A record begins with '{{', and not with {Quote(text)}.",
        };

    /// <summary>What stands after a record of a list.</summary>
    public static string AfterRecord(ReadOnlySpan<byte> text) =>
        text switch
        {
            [(byte)'{', ..] => "Two records have no ',' between them.",
            [(byte)'}', ..] => "This '}' is one too many: remove it.",
            _ => SyntaxFault.NameOf(text) ?? $"After a record, a ',' or a ']' must follow, not {Quote(text)}.",
        };

    /// <summary>What stands after a list.</summary>
    public static string AfterList(ReadOnlySpan<byte> text) =>
        text switch
        {
            [(byte)'[' or (byte)'{' or 0xEF, ..] => Joined,
            [(byte)',', ..] => "The list has ended, and a ',' follows: make one list of all records.",
            [(byte)']', ..] => "This ']' is one too many: remove it.",
            _ => $"The list has ended, and {Quote(text)} follows: remove it.",
        };

    /// <summary>What to say when the fixture begins only after <paramref name="line"/>; null when it does not.</summary>
    /// <param name="file">The file from its beginning, as far as it has been read.</param>
    /// <param name="line">The line that is at fault.</param>
    public static string? AfterOtherOutput(ReadOnlySpan<byte> file, long line)
    {
        var at = 0;
        for (var number = 1L; number <= line || !BeginsFixture(file[at..]); number++)
        {
            var end = file[at..].IndexOf((byte)'\n');
            if (end < 0 || BeginsFixture(file[at..]))
            {
                return null;
            }

            at += end + 1;
        }

        return file[..at].IndexOf("fields"u8) >= 0
            ? null // a broken record, and then the next
            : "This is not part of the fixture, which begins on a later line: remove what stands before it. "
                + "(manage.py dumpdata --output FILE keeps other output out of it.)";
    }

    private static bool BeginsFixture(ReadOnlySpan<byte> line)
    {
        const int Enough = 256; // the indentation of a list, an object and its first name
        return Beginning().IsMatch(Encoding.Latin1.GetString(line[..Math.Min(line.Length, Enough)]));
    }

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

    [GeneratedRegex("""\A[ \t]*(\[\s*)?\{\s*"(model|pk|fields)"\s*:""", RegexOptions.CultureInvariant)]
    private static partial Regex Beginning();
}
