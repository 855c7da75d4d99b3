namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>
/// How plausible two bytes are as a character of the code pages of East Asia: these keep the common ones together. Null
/// where they are none.
/// </summary>
internal static class DoubleByteText
{
    public static double? ShiftJis(byte lead, byte trail) =>
        lead is >= 0xA1 and <= 0xDF ? null // half-width katakana, one byte each
        : lead is 0x80 or 0xA0 or > 0xFC || trail is < 0x40 or 0x7F or > 0xFC ? -1
        : lead switch
        {
            0x82 => trail >= 0x9F ? 1 : 0.1,
            0x83 => trail <= 0x96 ? 1 : 0.1,
            0x81 => trail is 0x41 or 0x42 or 0x5B or (>= 0x75 and <= 0x7A) ? 0.8 : 0.3,
            >= 0x88 and <= 0x97 => 0.9,
            _ => 0.2,
        };

    public static double? Gbk(byte lead, byte trail) =>
        lead is 0x80 or 0xFF || trail is < 0x40 or 0x7F or 0xFF ? -1
        : trail < 0xA1 ? 0.1
        : lead switch
        {
            >= 0xB0 and <= 0xC8 => 0.88, // as in Korean
            >= 0xC9 and <= 0xD7 => 1,
            0xA1 or 0xA3 => 0.7,
            _ => 0.1,
        };

    public static double? Korean(byte lead, byte trail) =>
        lead is 0x80 or 0xFF || trail is < 0x41 or 0xFF ? -1
        : trail < 0xA1 ? 0.1
        : lead switch
        {
            >= 0xB0 and <= 0xC8 => 1,
            0xA1 or 0xA3 => 0.7,
            _ => 0.1,
        };

    public static double? Big5(byte lead, byte trail) =>
        lead is 0x80 or 0xFF || trail is < 0x40 or (> 0x7E and < 0xA1) or 0xFF
            ? -1
            : lead switch
            {
                >= 0xA4 and <= 0xC6 => 0.9,
                0xA1 => 0.7,
                _ => 0.1,
            };

    public static double? EucJp(byte lead, byte trail) =>
        lead is < 0xA1 or 0xFF || trail is < 0xA1 or 0xFF
            ? -1
            : lead switch
            {
                0xA4 or 0xA5 => 1,
                >= 0xB0 and <= 0xCF => 0.9,
                0xA1 or 0xA3 => 0.7,
                _ => 0.1,
            };

    /// <summary>The average of the characters beyond ASCII, up to 1.</summary>
    public static double Score(byte[] text, Func<byte, byte, double?> ofPair)
    {
        var (sum, count) = (0.0, 0);
        var isWithinWord = false;
        for (var at = 0; at < text.Length; at++)
        {
            if (text[at] < 0x80)
            {
                isWithinWord = char.IsAsciiLetter((char)text[at]);
                continue;
            }

            var trail = at + 1 < text.Length ? text[at + 1] : (byte)0;
            var score = ofPair(text[at], trail);
            sum += isWithinWord && trail < 0x80 ? Math.Min(score ?? 0, 0.1) : score ?? 0.1;
            count++;
            at += score is null or < 0 ? 0 : 1;
            isWithinWord = false;
        }

        return count == 0 ? 0 : sum / count;
    }
}
