using System.Collections.Concurrent;

namespace Exact.Api;

/// <summary>
/// Thins out lines of the log that repeat: the first of its kind is written at once, and further ones are counted and
/// written at most every ten seconds.
/// </summary>
internal sealed class RepeatedLines(TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<string, (long Waiting, DateTimeOffset Written)> kinds = new();

    /// <summary>Counts an event.</summary>
    /// <param name="kind">What it has in common with others; there must not be many kinds.</param>
    /// <returns>How many events a line written now stands for; 0 if none should be written.</returns>
    public long Count(string kind)
    {
        var now = time.GetUtcNow();
        var due = 0L;
        kinds.AddOrUpdate(
            kind,
            _ =>
            {
                due = 1;
                return (0, now);
            },
            (_, before) =>
            {
                due = now - before.Written >= Interval ? before.Waiting + 1 : 0;
                return due > 0 ? (0, now) : (before.Waiting + 1, before.Written);
            }
        );
        return due;
    }
}
