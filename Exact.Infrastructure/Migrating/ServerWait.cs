using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>Waits for PostgreSQL to answer, for as long as <c>Migrations:ServerWait</c>.</summary>
internal sealed partial class ServerWait(
    SchemaState state,
    IOptions<MigrationOptions> options,
    TimeProvider time,
    ILogger<ServerWait> logger
)
{
    private static readonly TimeSpan MinimalPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MaximalPause = TimeSpan.FromSeconds(5);

    /// <summary>What each attempt gets, even if the wait is shorter or nearly over.</summary>
    private static readonly TimeSpan MinimalAttempt = TimeSpan.FromSeconds(5);

    /// <summary>Repeats the attempt until it succeeds.</summary>
    /// <param name="setting">The setting with the connection string.</param>
    /// <param name="connection">The connection string.</param>
    /// <param name="attempt">Opens a session and uses it; its token ends an attempt that hangs.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="MigrationRefusedException">Waiting does not help, or took too long.</exception>
    public async Task<T> UntilAnsweredAsync<T>(
        string setting,
        NpgsqlConnectionStringBuilder connection,
        Func<CancellationToken, Task<T>> attempt,
        CancellationToken cancellationToken
    )
    {
        var server = ServerRefusal.NameOf(connection);
        var started = time.GetTimestamp();
        var pause = MinimalPause;
        var isFirst = true;
        while (true)
        {
            Exception cause;
            var left = options.Value.ServerWait - time.GetElapsedTime(started);
            using var limit = new CancellationTokenSource(left > MinimalAttempt ? left : MinimalAttempt, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
            var trying = attempt(either.Token);
            try
            {
                // Npgsql does not heed the token before the server has said its first word.
                return await trying.WaitAsync(either.Token);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                _ = AbandonAsync(trying);
                throw;
            }
            catch (OperationCanceledException e)
            {
                _ = AbandonAsync(trying);
                cause = new TimeoutException("It did not answer in time.", e);
            }
            catch (Exception e) when (ServerRefusal.MayPass(e))
            {
                cause = e;
            }
            catch (PostgresException e)
            {
                throw new MigrationRefusedException(ServerRefusal.Describe(e, setting, connection), e);
            }

            var reason = $"{cause.Cause().TrimEnd('.')}.";
            left = options.Value.ServerWait - time.GetElapsedTime(started);
            if (left <= TimeSpan.Zero)
            {
                throw new MigrationRefusedException(
                    $"PostgreSQL at {server} could not be used for {options.Value.ServerWait}: {reason} "
                        + $"Start it, correct {setting}, or raise Migrations:ServerWait.",
                    cause
                );
            }

            state.Enter(SchemaPhase.WaitingForServer, $"Waiting for PostgreSQL at {server}: {reason}");
            LogWaiting(
                server,
                isFirst ? $"{reason} It is tried for {options.Value.ServerWait} (Migrations:ServerWait)." : reason
            );
            isFirst = false;
            var next = pause.WithJitter();
            await Task.Delay(next < left ? next : left, time, cancellationToken);
            pause = pause * 2 < MaximalPause ? pause * 2 : MaximalPause;
        }
    }

    private static async Task AbandonAsync<T>(Task<T> attempt)
    {
        try
        {
            if (await attempt is IAsyncDisposable late)
            {
                await late.DisposeAsync();
            }
        }
        catch (Exception)
        {
            // nobody waits for it any more
        }
    }

    [LoggerMessage(2001, LogLevel.Warning, "Waiting for PostgreSQL at {Server}: {Reason}")]
    private partial void LogWaiting(string server, string reason);
}
