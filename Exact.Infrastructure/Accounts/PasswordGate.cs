using System.Net;
using System.Threading.RateLimiting;

namespace Exact.Infrastructure.Accounts;

/// <summary>
/// Lets half of the cores hash passwords, so that a flood of sign-ins leaves the others to everybody else, and lets no
/// network take all places.
/// </summary>
internal sealed class PasswordGate : IDisposable
{
    /// <summary>How many hashes this process computes at a time.</summary>
    public static readonly int Permits = Math.Max(1, Environment.ProcessorCount / 2);

    /// <summary>How many requests may wait; a hash takes about a quarter of a second.</summary>
    public static readonly int Places = 32 * Permits;

    /// <summary>How many requests of one network may hash or wait, so that other networks find a place.</summary>
    public static readonly int Share = (Permits + Places) / 2;

    private readonly ConcurrencyLimiter all = new(
        new()
        {
            PermitLimit = Permits,
            QueueLimit = Places,
            QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
        }
    );

    private readonly PartitionedRateLimiter<string> ofNetwork = PartitionedRateLimiter.Create<string, string>(network =>
        RateLimitPartition.GetConcurrencyLimiter(network, _ => new() { PermitLimit = Share, QueueLimit = 0 })
    );

    /// <summary>How many requests wait.</summary>
    public long Waiting => all.GetStatistics()!.CurrentQueuedCount;

    /// <summary>Waits for a turn, which ends when it is disposed.</summary>
    /// <exception cref="TooManyPasswordsException">Too many requests wait, of all networks or of this one.</exception>
    public async Task<IDisposable> EnterAsync(IPAddress? address, CancellationToken cancellationToken)
    {
        var share = ofNetwork.AttemptAcquire(SignInThrottle.NetworkOf(address));
        RateLimitLease? turn = null;
        try
        {
            // Not chained to the other by a partition: that disposes a limiter which nobody has used for ten seconds.
            turn = share.IsAcquired ? await all.AcquireAsync(1, cancellationToken) : null;
            return turn is { IsAcquired: true } ? new Turn(share, turn) : throw new TooManyPasswordsException();
        }
        catch
        {
            turn?.Dispose();
            share.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        ofNetwork.Dispose();
        all.Dispose();
    }

    private sealed class Turn(RateLimitLease share, RateLimitLease turn) : IDisposable
    {
        public void Dispose()
        {
            turn.Dispose();
            share.Dispose();
        }
    }
}

/// <summary>So many requests with a password are waiting that one more would wait too long.</summary>
internal sealed class TooManyPasswordsException()
    : Exception("Every sign-in costs time, and too many are waiting. Nothing was changed. Try again in a second.");
