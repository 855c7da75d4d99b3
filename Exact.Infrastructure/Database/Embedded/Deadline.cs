using System.Diagnostics;

namespace Exact.Infrastructure.Database.Embedded;

/// <summary>A point in time after which to stop waiting, independent of the wall clock.</summary>
internal readonly record struct Deadline(long Timestamp)
{
    public bool HasPassed => Stopwatch.GetTimestamp() >= Timestamp;

    public TimeSpan Left => HasPassed ? TimeSpan.Zero : Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), Timestamp);

    public static Deadline After(TimeSpan patience) =>
        new(Stopwatch.GetTimestamp() + (long)(patience.TotalSeconds * Stopwatch.Frequency));
}
