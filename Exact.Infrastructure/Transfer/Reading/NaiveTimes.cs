namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>Times of a file that have no zone: which zone they are read in, and how many there are.</summary>
internal sealed class NaiveTimes(TimeZoneInfo zone)
{
    public int Count { get; set; }

    /// <summary>What is wrong with a time that <see cref="TryToUtc"/> refuses.</summary>
    public string NoSuchTime =>
        $"In {zone.Id} there is no such time: the clocks were put forward over it. Give it a zone, such as Z or +01:00.";

    /// <summary>Counts the time, and takes it from the zone to UTC.</summary>
    /// <param name="microseconds">Since 2000-01-01 00:00, on a clock of the zone. An hour that comes twice is the later one.</param>
    /// <returns>False when the zone's clocks never showed this time.</returns>
    public bool TryToUtc(ref long microseconds)
    {
        Count++;
        if (ReferenceEquals(zone, TimeZoneInfo.Utc))
        {
            return true;
        }

        var local = FixtureTimestamp.ToDateTime(microseconds);
        if (zone.IsInvalidTime(local))
        {
            return false;
        }

        microseconds -= zone.GetUtcOffset(local).Ticks / TimeSpan.TicksPerMicrosecond;
        return true;
    }
}
