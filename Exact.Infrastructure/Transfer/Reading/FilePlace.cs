using System.Text;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>A place in a file as it was sent, unpacked: where an editor shows it, and the byte.</summary>
/// <param name="Line">Counted from 1.</param>
/// <param name="Column">In characters, counted from 1.</param>
/// <param name="Offset">In bytes, counted from 0; a byte order mark counts.</param>
internal readonly record struct FilePlace(long Line, long Column, long Offset)
{
    /// <summary>The place behind a part of the file that begins here.</summary>
    /// <param name="passed">The part, as UTF-8.</param>
    /// <param name="encoding">How the file encodes it; null if it is UTF-8.</param>
    public FilePlace After(ReadOnlySpan<byte> passed, Encoding? encoding)
    {
        var ofLine = passed[(passed.LastIndexOf((byte)'\n') + 1)..];
        var characters = Ascii.IsValid(ofLine) ? ofLine.Length : Characters(ofLine);
        var offset = Offset + (encoding is null ? passed.Length : BytesOf(passed, encoding));
        return ofLine.Length == passed.Length
            ? new(Line, Column + characters, offset)
            : new(Line + passed.Count((byte)'\n'), characters + 1, offset);
    }

    private static int BytesOf(ReadOnlySpan<byte> utf8, Encoding encoding) =>
        encoding is UnicodeEncoding
            ? Encoding.UTF8.GetCharCount(utf8) * sizeof(char)
            : encoding.GetByteCount(Encoding.UTF8.GetString(utf8));

    private static int Characters(ReadOnlySpan<byte> utf8)
    {
        var count = 0;
        foreach (var value in utf8)
        {
            count += (value & 0xC0) == 0x80 ? 0 : 1;
        }

        return count;
    }
}
