using System.Buffers;
using System.Globalization;
using System.Text;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>Finds bytes that are not UTF-8, and says what they probably are.</summary>
internal static class NotUtf8
{
    private const int MaxBefore = 256;

    private const int MaxSample = 64 * 1024;

    /// <summary>
    /// Where the first byte is that is not UTF-8; -1 where there is none. Half a character at the end may go on.
    /// </summary>
    public static int Find(ReadOnlySpan<byte> text)
    {
        var at = 0;
        while (text[at..].IndexOfAnyInRange((byte)0x80, (byte)0xFF) is var next and >= 0)
        {
            at += next;
            switch (Rune.DecodeFromUtf8(text[at..], out _, out var length))
            {
                case OperationStatus.Done:
                    at += length;
                    break;
                case OperationStatus.NeedMoreData:
                    return -1;
                default:
                    return at;
            }
        }

        return -1;
    }

    /// <summary>One sentence about the whole file, instead of one about each of its strings.</summary>
    /// <param name="text">The file from the record that is at fault on, as far as it has been read.</param>
    /// <param name="place">The first byte that is not UTF-8.</param>
    /// <param name="isUnpacked">The file was packed.</param>
    public static string Describe(ReadOnlySpan<byte> text, FilePlace place, bool isUnpacked)
    {
        var at = string.Create(
            CultureInfo.InvariantCulture,
            $"byte {place.Offset}{(isUnpacked ? " of the unpacked data" : "")}, line {place.Line}"
        );
        var first = Find(text);
        var sample = text[Math.Max(0, first - MaxBefore)..];
        sample = sample[..Math.Min(sample.Length, MaxSample)];
        var (valid, invalid) = Count(sample);
        return valid > invalid
            ? $"The byte 0x{text[first]:X2} at {at} is not UTF-8, but other text of the file is. Correct it there."
            : $"The file is not UTF-8 from {at} on. {CodePageGuess.Describe(sample)}";
    }

    /// <summary>The characters beyond ASCII, and the bytes that are no part of one.</summary>
    private static (int Valid, int Invalid) Count(ReadOnlySpan<byte> text)
    {
        var (valid, invalid) = (0, 0);
        while (text.IndexOfAnyInRange((byte)0x80, (byte)0xFF) is var next and >= 0)
        {
            var isValid = Rune.DecodeFromUtf8(text[next..], out _, out var length) is OperationStatus.Done;
            valid += isValid ? 1 : 0;
            invalid += isValid ? 0 : 1;
            text = text[(next + length)..];
        }

        return (valid, invalid);
    }
}
