using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;
using Exact.Infrastructure;

namespace Exact.Api.Access;

/// <summary>Slows down guessing: an address, or an IPv6 network of 64 bits, may send ten wrong keys in 30 seconds.</summary>
internal sealed partial class WrongKeys : IDisposable
{
    /// <summary>The number of counters, which addresses share by a hash, so that memory stays bounded.</summary>
    private const int Partitions = 1 << 16;

    private const int Permitted = 10;
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(30);

    /// <summary>After this long without a wrong key, the next one counts as the first.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(10);

    // Not a token bucket: that reports success for zero permits while it holds a fraction of one.
    private readonly PartitionedRateLimiter<int> limiter = PartitionedRateLimiter.Create<int, int>(partition =>
        RateLimitPartition.GetFixedWindowLimiter(partition, _ => new() { PermitLimit = Permitted, Window = Window })
    );

    private readonly ConcurrentDictionary<int, (long Count, DateTimeOffset Last)> refused = new();
    private readonly Counter<long> counter;
    private readonly TimeProvider time;
    private readonly ILogger<WrongKeys> logger;

    public WrongKeys(IMeterFactory meters, TimeProvider time, ILogger<WrongKeys> logger)
    {
        counter = Telemetry.CreateRefusedKeys(meters);
        this.time = time;
        this.logger = logger;
    }

    /// <summary>How long the keys of this address are refused; null if the next one is checked.</summary>
    public TimeSpan? FindWait(IPAddress? address)
    {
        using var lease = limiter.AttemptAcquire(PartitionOf(address), permitCount: 0);
        if (lease.IsAcquired)
        {
            return null;
        }

        Tell(address, "throttled");
        return WaitOf(lease);
    }

    /// <summary>Counts a wrong key.</summary>
    /// <returns>How long to wait, if concurrent requests have used up the permits; otherwise null.</returns>
    public TimeSpan? Add(IPAddress? address)
    {
        using var lease = limiter.AttemptAcquire(PartitionOf(address));
        Tell(address, lease.IsAcquired ? "wrong" : "throttled");
        return lease.IsAcquired ? null : WaitOf(lease);
    }

    public void Dispose() => limiter.Dispose();

    /// <summary>The counter of an address. An IPv6 network of 64 bits belongs to one customer, so it has one counter.</summary>
    internal static int PartitionOf(IPAddress? address)
    {
        if (address is null)
        {
            return 0; // a Unix socket
        }

        address = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        var bytes = address.GetAddressBytes();
        var network =
            address.AddressFamily is AddressFamily.InterNetworkV6
                ? BinaryPrimitives.ReadInt64BigEndian(bytes)
                : BinaryPrimitives.ReadInt32BigEndian(bytes);
        return HashCode.Combine(address.AddressFamily, network) & (Partitions - 1);
    }

    private static TimeSpan WaitOf(RateLimitLease lease) =>
        lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) && wait > TimeSpan.Zero ? wait : Window;

    /// <summary>Counts a refused key, and logs the first, the tenth, the hundredth, so that the log does not fill up.</summary>
    private void Tell(IPAddress? address, string reason)
    {
        counter.Add(1, new KeyValuePair<string, object?>("reason", reason));
        var now = time.GetUtcNow();
        var (count, _) = refused.AddOrUpdate(
            PartitionOf(address),
            (1, now),
            (_, before) => (now - before.Last > Silence ? 1 : before.Count + 1, now)
        );
        if (IsPowerOfTen(count))
        {
            LogRefused(address?.ToString() ?? "a local socket", count);
        }
    }

    private static bool IsPowerOfTen(long count)
    {
        while (count % 10 == 0)
        {
            count /= 10;
        }

        return count == 1;
    }

    [LoggerMessage(1102, LogLevel.Warning, "Refused an admin key from {Address}, {Count} so far")]
    private partial void LogRefused(string address, long count);
}
