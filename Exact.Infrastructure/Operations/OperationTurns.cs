using Npgsql;

namespace Exact.Infrastructure.Operations;

/// <summary>
/// Lets only as many operations run at once as find two connections each in the pool and leave one for the rest, so
/// that none keeps the connection that another waits for.
/// </summary>
internal sealed class OperationTurns : IDisposable
{
    /// <summary>How long an operation waits for its turn; its caller may not wait for longer.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TimeProvider time;
    private readonly int count;
    private readonly SemaphoreSlim free;

    public OperationTurns(NpgsqlDataSource database, TimeProvider time)
    {
        this.time = time;
        count = (new NpgsqlConnectionStringBuilder(database.ConnectionString).MaxPoolSize - 1) / 2;
        free = new SemaphoreSlim(count);
    }

    /// <summary>Waits for a turn, without a connection. To dispose of the turn ends it.</summary>
    /// <exception cref="NoTurnException">Others have not ended in time.</exception>
    public async Task<IDisposable> TakeAsync(CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            await free.WaitAsync(either.Token);
            return new Turn(free);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new NoTurnException(count);
        }
    }

    public void Dispose() => free.Dispose();

    private sealed class Turn(SemaphoreSlim free) : IDisposable
    {
        public void Dispose() => free.Release();
    }
}

/// <summary>As many operations run as the pool has connections for.</summary>
internal sealed class NoTurnException(int count)
    : Exception(
        $"Imports and exports that run at the same time: {count}, as many as the service has connections for. Nothing "
            + "was changed. Send this request again later, or raise \"Maximum Pool Size\" in the connection string by "
            + "two for each one more."
    );
