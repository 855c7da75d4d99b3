using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;
using Exact.Infrastructure;

namespace Exact.Api.Admin;

/// <summary>
/// Slows down guessing of the admin key: an address (IPv6: a network of 64 bits) may send ten wrong keys in half a
/// minute. Right ones cost nothing.
/// </summary>
internal sealed partial class WrongKeys : IDisposable
{
    /// <summary>Addresses share these by a hash that differs from process to process, so memory stays bounded.</summary>
    private const int Partitions = 1 << 16;

    private const int Permitted = 10;
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(30);

    /// <summary>After so long a silence, the next wrong key counts as the first.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(10);

    // A window counts in whole permits. A bucket has a part of one at almost any time, and answers that there are some.
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

    /// <summary>How long no key from this address is looked at; null if the next one is.</summary>
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
    /// <returns>As <see cref="FindWait"/>, where others of the same moment have used up what the address had.</returns>
    public TimeSpan? Add(IPAddress? address)
    {
        using var lease = limiter.AttemptAcquire(PartitionOf(address));
        Tell(address, lease.IsAcquired ? "wrong" : "throttled");
        return lease.IsAcquired ? null : WaitOf(lease);
    }

    public void Dispose() => limiter.Dispose();

    /// <summary>A network of 64 bits is one customer's, who may use all of its addresses.</summary>
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

    /// <summary>A line for the first, the tenth, the hundredth: a guesser must not fill the log.</summary>
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

    [LoggerMessage(LogLevel.Warning, "Refused an admin key from {Address}, {Count} so far")]
    private partial void LogRefused(string address, long count);
}
