namespace Exact.Infrastructure;

internal static class Jitter
{
    /// <summary>
    /// Varies a pause between half and one and a half times, so that replicas started together do not act together.
    /// </summary>
    public static TimeSpan WithJitter(this TimeSpan pause) => pause * (0.5 + Random.Shared.NextDouble());
}
