namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>
/// Times as Django writes and reads them, and as PostgreSQL holds them: microseconds since 2000-01-01 UTC. System.Text.Json's
/// own parser gives a time without a zone the zone of the machine, and refuses a blank in the place of the T.
/// </summary>
internal static class FixtureTimestamp
{
    public const int MaxLength = 26;

    private static readonly DateTime Epoch = new(2000, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private static readonly long Earliest = MicrosecondsOf(DateTime.MinValue);
    private static readonly long Latest = MicrosecondsOf(DateTime.MaxValue);

    /// <summary>Microseconds since 2000-01-01 UTC.</summary>
    public static long MicrosecondsOf(DateTime utc) => (utc.Ticks - Epoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    /// <summary>Whether Django's format has this time: PostgreSQL's reach from 4713 BC to infinity.</summary>
    public static bool IsWritable(long microseconds) => microseconds >= Earliest && microseconds <= Latest;

    /// <summary>
    /// Reads <c>YYYY-MM-DD[(T| )HH:MM[:ss[(.|,)uuuuuu]][Z|±HH[[:]MM]]]</c>, Django's format.
    /// </summary>
    /// <param name="text">The time.</param>
    /// <param name="microseconds">Since 2000-01-01 UTC; without a zone, as if it were UTC.</param>
    /// <param name="isNaive">It has no zone.</param>
    public static bool TryParse(ReadOnlySpan<byte> text, out long microseconds, out bool isNaive)
    {
        microseconds = 0;
        isNaive = true;
        if (
            !TakeDigits(ref text, 4, 4, out var year)
            || !Take(ref text, '-')
            || !TakeDigits(ref text, 1, 2, out var month)
            || !Take(ref text, '-')
            || !TakeDigits(ref text, 1, 2, out var day)
            || year < 1
            || month is < 1 or > 12
            || day < 1
            || day > DateTime.DaysInMonth(year, month)
        )
        {
            return false;
        }

        long time = 0;
        if (
            !text.IsEmpty
            && !((Take(ref text, 'T') || Take(ref text, ' ')) && TryParseTime(text, out time, out isNaive))
        )
        {
            return false;
        }

        microseconds = MicrosecondsOf(new DateTime(year, month, day)) + time;
        return microseconds >= Earliest && microseconds <= Latest;
    }

    /// <summary>
    /// Writes a time as ISO 8601, without a zone. Django's <c>dumpdata</c> cuts to milliseconds; here nothing is lost.
    /// </summary>
    /// <returns>The number of bytes written, at most <see cref="MaxLength"/>.</returns>
    public static int Format(long microseconds, Span<byte> destination)
    {
        // PostgreSQL's infinities lie beyond what either side can write.
        var time = Epoch.AddTicks(Math.Clamp(microseconds, Earliest, Latest) * TimeSpan.TicksPerMicrosecond);
        Digits(destination, time.Year, 4);
        destination[4] = (byte)'-';
        Digits(destination[5..], time.Month, 2);
        destination[7] = (byte)'-';
        Digits(destination[8..], time.Day, 2);
        destination[10] = (byte)'T';
        Digits(destination[11..], time.Hour, 2);
        destination[13] = (byte)':';
        Digits(destination[14..], time.Minute, 2);
        destination[16] = (byte)':';
        Digits(destination[17..], time.Second, 2);

        var fraction = (int)(time.Ticks % TimeSpan.TicksPerSecond / TimeSpan.TicksPerMicrosecond);
        if (fraction == 0)
        {
            return 19;
        }

        destination[19] = (byte)'.';
        var isWhole = fraction % 1000 == 0;
        Digits(destination[20..], isWhole ? fraction / 1000 : fraction, isWhole ? 3 : 6);
        return isWhole ? 23 : 26;
    }

    private static bool TryParseTime(ReadOnlySpan<byte> text, out long microseconds, out bool isNaive)
    {
        microseconds = 0;
        isNaive = false;
        var fraction = 0;
        var second = 0;
        if (
            !TakeDigits(ref text, 1, 2, out var hour)
            || !Take(ref text, ':')
            || !TakeDigits(ref text, 1, 2, out var minute)
            || (Take(ref text, ':') && !TakeSeconds(ref text, out second, out fraction))
            || hour > 23
            || minute > 59
            || second > 59
            || !TryParseOffset(text, out var offsetMinutes)
        )
        {
            return false;
        }

        isNaive = text.IsEmpty;

        microseconds = ((((hour * 60L) + minute - offsetMinutes) * 60) + second) * 1_000_000 + fraction;
        return true;
    }

    private static bool TakeSeconds(ref ReadOnlySpan<byte> text, out int second, out int microseconds)
    {
        microseconds = 0;
        if (!TakeDigits(ref text, 1, 2, out second))
        {
            return false;
        }

        if (!Take(ref text, '.') && !Take(ref text, ','))
        {
            return true;
        }

        var before = text.Length;
        if (!TakeDigits(ref text, 1, 6, out microseconds))
        {
            return false;
        }

        for (var digits = before - text.Length; digits < 6; digits++)
        {
            microseconds *= 10;
        }

        return TakeDigits(ref text, 0, 6, out _); // more than microseconds is cut, as Django does
    }

    private static bool TryParseOffset(ReadOnlySpan<byte> text, out int minutes)
    {
        minutes = 0;
        if (text.IsEmpty || text.SequenceEqual("Z"u8))
        {
            return true;
        }

        var sign = text[0] == '-' ? -1 : 1;
        if (!(Take(ref text, '+') || Take(ref text, '-')) || !TakeDigits(ref text, 2, 2, out var hours))
        {
            return false;
        }

        var minute = 0;
        if (!text.IsEmpty)
        {
            Take(ref text, ':');
            if (!TakeDigits(ref text, 2, 2, out minute))
            {
                return false;
            }
        }

        minutes = sign * ((hours * 60) + minute);
        return text.IsEmpty && hours < 24 && minute < 60;
    }

    /// <summary>The time as a date on the calendar, of no kind.</summary>
    public static DateTime ToDateTime(long microseconds) =>
        DateTime.SpecifyKind(Epoch, DateTimeKind.Unspecified).AddTicks(microseconds * TimeSpan.TicksPerMicrosecond);

    private static bool Take(ref ReadOnlySpan<byte> text, char expected)
    {
        if (text.IsEmpty || text[0] != expected)
        {
            return false;
        }

        text = text[1..];
        return true;
    }

    private static bool TakeDigits(ref ReadOnlySpan<byte> text, int least, int most, out int value)
    {
        value = 0;
        var taken = 0;
        while (taken < most && taken < text.Length && text[taken] is >= (byte)'0' and <= (byte)'9')
        {
            value = (value * 10) + (text[taken] - '0');
            taken++;
        }

        text = text[taken..];
        return taken >= least;
    }

    private static void Digits(Span<byte> destination, int value, int count)
    {
        for (var at = count - 1; at >= 0; at--)
        {
            destination[at] = (byte)('0' + (value % 10));
            value /= 10;
        }
    }
}
