using Npgsql;

namespace Exact.Infrastructure.Operations;

/// <summary>
/// Lets only as many operations run at once as find two connections each in the pool and leave one for the rest, so
/// that none keeps the connection that another waits for.
/// </summary>
internal sealed class OperationTurns(NpgsqlDataSource database) : IDisposable
{
    private readonly SemaphoreSlim free = new(
        Math.Max(1, (new NpgsqlConnectionStringBuilder(database.ConnectionString).MaxPoolSize - 1) / 2)
    );

    /// <summary>Waits for a turn, without a connection. To dispose of the turn ends it.</summary>
    public async Task<IDisposable> TakeAsync(CancellationToken cancellationToken)
    {
        await free.WaitAsync(cancellationToken);
        return new Turn(free);
    }

    public void Dispose() => free.Dispose();

    private sealed class Turn(SemaphoreSlim free) : IDisposable
    {
        public void Dispose() => free.Release();
    }
}
