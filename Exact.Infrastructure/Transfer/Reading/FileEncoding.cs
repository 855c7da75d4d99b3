using System.Globalization;
using System.Text;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>Tells how a file is encoded: by its first bytes, or by the name that the sender gives.</summary>
internal static class FileEncoding
{
    private static readonly Encoding BigEndianUtf32 = new UTF32Encoding(bigEndian: true, byteOrderMark: true);

    /// <summary>
    /// What the first four bytes say, with the length of the byte order mark; JSON begins with two ASCII characters.
    /// </summary>
    /// <param name="beginning">The first bytes of the file.</param>
    /// <param name="encoding">Null if the file is UTF-8, or they do not say.</param>
    /// <param name="mark">How many bytes to pass over.</param>
    /// <returns>Whether they say it.</returns>
    public static bool TryTell(ReadOnlySpan<byte> beginning, out Encoding? encoding, out int mark)
    {
        (encoding, mark) = beginning switch
        {
            [0xFF, 0xFE, 0, 0, ..] => (Encoding.UTF32, 4),
            [0, 0, 0xFE, 0xFF, ..] => (BigEndianUtf32, 4),
            [0xFF, 0xFE, ..] => (Encoding.Unicode, 2),
            [0xFE, 0xFF, ..] => (Encoding.BigEndianUnicode, 2),
            [0xEF, 0xBB, 0xBF, ..] => (null, 3),
            [_, 0, 0, 0, ..] when IsText(beginning[0]) => (Encoding.UTF32, 0),
            [0, 0, 0, _, ..] when IsText(beginning[3]) => (BigEndianUtf32, 0),
            [_, 0] or [_, 0, _, 0, ..] when IsText(beginning[0]) => (Encoding.Unicode, 0),
            [0, _] or [0, _, 0, _, ..] when IsText(beginning[1]) => (Encoding.BigEndianUnicode, 0),
            _ => ((Encoding?)null, 0),
        };
        return encoding is not null || mark > 0;
    }

    /// <summary>
    /// The encoding of a charset's name, such as <c>windows-1251</c>, <c>cp1251</c> or <c>latin1</c>.
    /// </summary>
    /// <param name="name">The name.</param>
    /// <param name="encoding">Null for UTF-8, and for ASCII, which is a part of it.</param>
    /// <returns>Whether it is known.</returns>
    public static bool TryFind(string name, out Encoding? encoding)
    {
        encoding = null;
        if (name.Equals("utf8", StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        try
        {
            var isNumbered = name.StartsWith("cp", StringComparison.OrdinalIgnoreCase);
            encoding =
                isNumbered && int.TryParse(name.AsSpan(2), NumberStyles.None, null, out var number)
                    ? CodePagesEncodingProvider.Instance.GetEncoding(number) ?? Encoding.GetEncoding(number)
                    : CodePagesEncodingProvider.Instance.GetEncoding(name) ?? Encoding.GetEncoding(name);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            return false;
        }

        encoding = encoding is UTF8Encoding or ASCIIEncoding ? null : encoding;
        return true;
    }

    private static bool IsText(byte first) => first is (>= 0x20 and < 0x7F) or (byte)'\n' or (byte)'\r' or (byte)'\t';
}
