using System.Threading.RateLimiting;

namespace Exact.Infrastructure.Accounts;

/// <summary>Lets half of the cores hash passwords, so that a flood of sign-ins leaves the others to everybody else.</summary>
internal sealed class PasswordGate : IDisposable
{
    /// <summary>How many hashes this process computes at a time.</summary>
    public static readonly int Permits = Math.Max(1, Environment.ProcessorCount / 2);

    /// <summary>How many requests may wait; a hash takes about a quarter of a second.</summary>
    public static readonly int Places = 16 * Permits;

    private readonly ConcurrencyLimiter limiter = new(
        new()
        {
            PermitLimit = Permits,
            QueueLimit = Places,
            QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
        }
    );

    /// <summary>How many requests wait.</summary>
    public long Waiting => limiter.GetStatistics()!.CurrentQueuedCount;

    /// <summary>Waits for a turn, which ends when it is disposed.</summary>
    /// <exception cref="TooManyPasswordsException">Too many requests wait.</exception>
    public async Task<IDisposable> EnterAsync(CancellationToken cancellationToken)
    {
        var lease = await limiter.AcquireAsync(cancellationToken: cancellationToken);
        return lease.IsAcquired ? lease : throw new TooManyPasswordsException();
    }

    public void Dispose() => limiter.Dispose();
}

/// <summary>So many requests with a password are waiting that one more would wait too long.</summary>
internal sealed class TooManyPasswordsException()
    : Exception("Every sign-in costs time, and too many are waiting. Nothing was changed. Try again in a second.");
