using System.Text;
using System.Text.RegularExpressions;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>Names the other kinds of files that people send as a backup, and says what to run instead.</summary>
internal static partial class OtherFormats
{
    /// <summary>
    /// How many bytes tell all of them: a tar archive has its magic number in the header of its first file.
    /// </summary>
    public const int Enough = 512;

    private const string Dump = "Let Django write a fixture: manage.py dumpdata -o backup.json.";

    private const string RestoreAndImport =
        "and import from that database: import --from-django \"Host=…;Database=NAME\", or with manage.py dumpdata.";

    private static readonly (byte[] Magic, string Detail)[] Binary =
    [
        ([0x1F, 0x8B], "The file is packed with gzip twice. Unpack it once: gunzip FILE.gz."),
        ([0x1F, 0x9D], Packed("compress", "uncompress FILE.Z")),
        ([(byte)'B', (byte)'Z', (byte)'h'], Packed("bzip2", "bunzip2 FILE.bz2")),
        ([0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0], Packed("xz", "unxz FILE.xz")),
        ([0x5D, 0, 0], Packed("lzma", "unlzma FILE.lzma")),
        ([0x28, 0xB5, 0x2F, 0xFD], Packed("zstd", "unzstd FILE.zst")),
        ([0x04, 0x22, 0x4D, 0x18], Packed("lz4", "unlz4 FILE.lz4")),
        ([0x02, 0x21, 0x4C, 0x18], Packed("lz4", "unlz4 FILE.lz4")),
        ([.. "LZIP"u8], Packed("lzip", "lzip -d FILE.lz")),
        ([0xFF, 0x06, 0, 0, .. "sNaPpY"u8], Packed("snappy", "snzip -d FILE.sz")),
        ([0x78, 0x01], Packed("zlib", "pigz -d FILE.zz")),
        ([0x78, 0x9C], Packed("zlib", "pigz -d FILE.zz")),
        ([0x78, 0xDA], Packed("zlib", "pigz -d FILE.zz")),
        ([.. "PK\u0003\u0004"u8], Archive("zip", "unzip FILE.zip")),
        ([.. "PK\u0005\u0006"u8], "The file is an empty zip archive. Send the fixture itself."),
        ([.. "PK\u0007\u0008"u8], Archive("zip", "unzip FILE.zip")),
        ([(byte)'7', (byte)'z', 0xBC, 0xAF, 0x27, 0x1C], Archive("7z", "7z x FILE.7z")),
        ([.. "Rar!\u001A\u0007"u8], Archive("rar", "unrar x FILE.rar")),
        ([.. "MSCF\0"u8], Archive("cab", "cabextract FILE.cab")),
        ([.. "!<arch>\n"u8], Archive("ar", "ar x FILE")),
        ([.. "07070"u8], Archive("cpio", "cpio -i < FILE")),
        ([.. "SQLite format 3\0"u8], $"The file is an SQLite database. {Dump}"),
        (
            [.. "PGDMP"u8],
            "The file is a PostgreSQL dump in pg_dump's custom format. Restore it into an empty database "
                + $"(pg_restore --no-owner -d NAME FILE) {RestoreAndImport}"
        ),
        ([.. "%PDF-"u8], "The file is a PDF document. Send the fixture itself."),
        ([0x89, .. "PNG\r\n"u8], "The file is a PNG image. Send the fixture itself."),
        ([0xFF, 0xD8, 0xFF], "The file is a JPEG image. Send the fixture itself."),
        ([0xD0, 0xCF, 0x11, 0xE0], "The file is an Office document. Send the fixture itself."),
        ([0x7F, .. "ELF"u8], "The file is a program. Send the fixture itself."),
        (
            [.. "Salted__"u8],
            "The file is encrypted with openssl. Decrypt it: openssl enc -d -in FILE -out backup.json."
        ),
        ([.. "age-encryption.org/"u8], "The file is encrypted with age. Decrypt it: age -d FILE > backup.json."),
    ];

    /// <summary>A file that is not text at all; null if it may be a fixture.</summary>
    /// <param name="file">Its beginning, as it was sent.</param>
    public static string? NameOf(ReadOnlySpan<byte> file)
    {
        if (file.Length == Enough && IsTar(file))
        {
            return file.StartsWith("toc.dat\0"u8)
                ? "The file is a PostgreSQL dump in pg_dump's tar format. Restore it into an empty database "
                    + $"(pg_restore --no-owner -d NAME FILE) {RestoreAndImport}"
                : "The file is a tar archive. Unpack it (tar -xf FILE), and import the fixture that it holds.";
        }

        foreach (var (magic, detail) in Binary)
        {
            if (file.StartsWith(magic))
            {
                return detail;
            }
        }

        return null;
    }

    /// <summary>Text of another kind; null if it may be a fixture with something before it.</summary>
    /// <param name="utf8">The beginning of the text.</param>
    public static string? NameOfText(ReadOnlySpan<byte> utf8)
    {
        var text = Encoding.Latin1.GetString(utf8[..Math.Min(utf8.Length, 4 * Enough)]);
        return text switch
        {
            _ when Sql().IsMatch(text) => "The file is a dump of a database as SQL. Load it into an empty database "
                + $"(psql -d NAME -f FILE, if it is PostgreSQL's) {RestoreAndImport}",
            _ when Html().IsMatch(text) =>
                "The file is an HTML page, such as a site's sign-in or error page. Download the fixture again.",
            _ when text.Contains("<django-objects", StringComparison.Ordinal) || text.StartsWith('<') =>
                "The file is XML. Let Django write JSON: manage.py dumpdata --format json -o backup.json.",
            _ when Yaml().IsMatch(text) =>
                "The file is YAML. Let Django write JSON: manage.py dumpdata --format json -o backup.json.",
            _ when Form().IsMatch(text) =>
                "The body is a form. Send it with Content-Type: multipart/form-data, or send the file alone.",
            _ when text.StartsWith("-----BEGIN PGP", StringComparison.Ordinal) =>
                "The file is encrypted with PGP. Decrypt it: gpg -d FILE > backup.json.",
            _ when text.StartsWith("version https://git-lfs", StringComparison.Ordinal) =>
                "The file is a pointer of Git LFS. Fetch the file itself: git lfs pull.",
            _ when text.StartsWith("H4sI", StringComparison.Ordinal) =>
                "The file is gzip as Base64. Decode it: base64 -d FILE > backup.json.gz.",
            _ when Quoted().IsMatch(text) =>
                "The file is a fixture within a JSON string: it was encoded twice. Send it as it was before.",
            _ when text.Contains('\0') =>
                "The file is binary, and of no kind that is known here. Send a fixture as JSON.",
            _ => null,
        };
    }

    private static string Packed(string format, string command) =>
        $"The file is packed with {format}. Unpack it: {command}. (Only gzip and brotli are unpacked here.)";

    private static string Archive(string format, string command) =>
        $"The file is a {format} archive. Unpack it ({command}), and import the fixture that it holds.";

    /// <summary>Also one of the oldest kind, which has no magic number, but a checksum.</summary>
    private static bool IsTar(ReadOnlySpan<byte> header)
    {
        if (header[257..].StartsWith("ustar"u8))
        {
            return true;
        }

        var said = 0;
        foreach (var digit in header[148..156])
        {
            said = digit is >= (byte)'0' and <= (byte)'7' ? (said * 8) + digit - '0' : said;
        }

        var sum = 8 * ' '; // the checksum counts as blanks
        for (var at = 0; at < header.Length; at++)
        {
            sum += at is >= 148 and < 156 ? 0 : header[at];
        }

        return header[0] != 0 && said == sum;
    }

    [GeneratedRegex(
        """\A\s*(?>((--[^\n-][^\n]*\n|--\r?\n|/\*.*?\*/;?|\\restrict[^\n]*\n)\s*)*)(SET |CREATE |INSERT |DROP |ALTER |COPY |BEGIN( TRANSACTION)?;|START TRANSACTION|PRAGMA |USE |SELECT pg_catalog)""",
        RegexOptions.IgnoreCase | RegexOptions.Singleline | RegexOptions.CultureInvariant
    )]
    private static partial Regex Sql();

    [GeneratedRegex("""\A\s*<(!doctype\s+html|html|head|body)\b""", RegexOptions.IgnoreCase)]
    private static partial Regex Html();

    [GeneratedRegex("""\A(%YAML|(#[^\n]*\n|---[^\n-]*\n|\s)*- *[{]?\s*(model|fields|pk)\s*:)""")]
    private static partial Regex Yaml();

    [GeneratedRegex("""\A--[^\r\n]+\r?\nContent-""", RegexOptions.IgnoreCase)]
    private static partial Regex Form();

    [GeneratedRegex("""\A"\s*(\[|\{|\\n)""")]
    private static partial Regex Quoted();
}
