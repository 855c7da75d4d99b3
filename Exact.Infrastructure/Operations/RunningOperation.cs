using Exact.Infrastructure.Database;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Exact.Infrastructure.Operations;

/// <summary>
/// An operation in progress: holds its <see cref="OperationLock"/>, writes its progress at intervals, and notices when
/// another replica cancels it.
/// </summary>
internal sealed partial class RunningOperation : IProgress<object>, IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    private readonly NpgsqlDataSource database;
    private readonly NpgsqlConnection life;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly CancellationTokenSource cancelled = new();
    private readonly CancellationTokenSource ending = new();
    private readonly Task watching;
    private volatile object? progress;

    private RunningOperation(
        long id,
        NpgsqlDataSource database,
        NpgsqlConnection life,
        TimeProvider time,
        ILogger logger
    )
    {
        Id = id;
        this.database = database;
        this.life = life;
        this.time = time;
        this.logger = logger;
        watching = WatchAsync();
    }

    public long Id { get; }

    /// <summary>Signalled when the operation has been cancelled.</summary>
    public CancellationToken Cancelled => cancelled.Token;

    /// <summary>Opens an entry.</summary>
    public static async Task<RunningOperation> BeginAsync(
        NpgsqlDataSource database,
        Operation operation,
        TimeProvider time,
        ILogger logger,
        CancellationToken cancellationToken
    )
    {
        var id = await NextIdAsync(database, cancellationToken);
        var life = await database.OpenConnectionAsync(cancellationToken);
        try
        {
            // The lock comes before the entry, because an entry without a lock means that its process has died.
            await life.BeginTransactionAsync(cancellationToken);
            await ShareLockAsync(id, life, cancellationToken);
            await InsertAsync(database, id, operation, cancellationToken);
            return new RunningOperation(id, database, life, time, logger);
        }
        catch
        {
            await life.DisposeAsync();
            throw;
        }
    }

    /// <summary>Reports the progress, which reaches the journal within the interval.</summary>
    public void Report(object value) => progress = value;

    /// <summary>Makes a transaction part of the operation, which then runs at least as long.</summary>
    public Task JoinAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        ShareLockAsync(Id, connection, cancellationToken);

    /// <summary>
    /// Writes the success as the last statement of the transaction with the changes, so that the journal and the data
    /// agree.
    /// </summary>
    /// <exception cref="OperationCancelledException">The operation was cancelled, so the transaction must not commit.</exception>
    public async Task SucceedAsync(NpgsqlConnection connection, object figures, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            UPDATE operations
            SET state = 'succeeded', finished_at = @now, figures = @figures::jsonb, progress = NULL
            WHERE id = @id AND state = 'running' AND cancelled_by IS NULL
            """,
            connection
        );
        command.Parameters.AddWithValue("id", Id);
        command.Parameters.AddWithValue("now", time.GetUtcNow());
        command.Parameters.AddWithValue("figures", OperationJournal.Serialize(figures));
        if (await command.ExecuteNonQueryAsync(cancellationToken) == 0)
        {
            await cancelled.CancelAsync();
            throw new OperationCancelledException(Id);
        }
    }

    /// <summary>Closes the entry unless its transaction has done so.</summary>
    public async Task EndAsync(OperationState state, object? figures, string? error)
    {
        await StopWatchingAsync();
        try
        {
            await using var command = database.CreateCommand(
                $"""
                {RowSecurity.Off}
                UPDATE operations
                SET state = @state, finished_at = @now, error = @error, figures = @figures::jsonb, progress = @progress::jsonb
                WHERE id = @id AND state = 'running'
                """
            );
            command.Parameters.AddWithValue("id", Id);
            command.Parameters.AddWithValue("state", Name(state));
            command.Parameters.AddWithValue("now", time.GetUtcNow());
            command.Parameters.AddWithValue("error", (object?)error ?? DBNull.Value);
            command.Parameters.AddWithValue("figures", Json(figures));
            command.Parameters.AddWithValue("progress", Json(state is OperationState.Succeeded ? null : progress));
            // Not cancellable: the entry must be closed even if the client has disconnected.
            await command.ExecuteNonQueryAsync(CancellationToken.None);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or ObjectDisposedException)
        {
            LogNotClosed(logger, Id, e.Cause()); // the next reader of the journal closes it
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopWatchingAsync();
        await life.DisposeAsync();
        cancelled.Dispose();
        ending.Dispose();
    }

    private async Task StopWatchingAsync()
    {
        await ending.CancelAsync();
        await watching;
    }

    private async Task WatchAsync()
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(ending.Token))
            {
                await ReportAndCheckAsync();
            }
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // the operation has ended
        }
    }

    private async Task ReportAndCheckAsync()
    {
        try
        {
            await using var command = database.CreateCommand(
                $"""
                {RowSecurity.Off}
                UPDATE operations SET progress = coalesce(@progress::jsonb, progress)
                WHERE id = @id AND state = 'running' RETURNING cancelled_by IS NOT NULL
                """
            );
            command.Parameters.AddWithValue("id", Id);
            command.Parameters.AddWithValue("progress", Json(progress));
            // No row: another replica found no lock and closed the entry, so the work must stop.
            if (await command.ExecuteScalarAsync(ending.Token) is not false)
            {
                await cancelled.CancelAsync();
            }
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or ObjectDisposedException)
        {
            LogNotWritten(logger, Id, e.Cause()); // the next tick may succeed; without the server the work fails anyway
        }
    }

    private static async Task<long> NextIdAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        // Outside the transaction that holds the lock: nextval would give it a transaction id, which holds back VACUUM.
        await using var command = database.CreateCommand("SELECT nextval(pg_get_serial_sequence('operations', 'id'))");
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static async Task ShareLockAsync(long id, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(OperationLock.Share(id), connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task InsertAsync(
        NpgsqlDataSource database,
        long id,
        Operation operation,
        CancellationToken cancellationToken
    )
    {
        await using var command = database.CreateCommand(
            $"""
            {RowSecurity.Off}
            INSERT INTO operations (id, kind, actor, origin, started_at, state)
            VALUES (@id, @kind, @actor, @origin, @started_at, 'running')
            """
        );
        command.Parameters.AddWithValue("id", id);
        command.Parameters.AddWithValue("kind", Name(operation.Kind));
        command.Parameters.AddWithValue("actor", operation.Actor);
        command.Parameters.AddWithValue("origin", operation.Origin);
        command.Parameters.AddWithValue("started_at", operation.StartedAt);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static string Name<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();

    private static object Json(object? value) => value is null ? DBNull.Value : OperationJournal.Serialize(value);

    [LoggerMessage(2201, LogLevel.Warning, "Could not write the end of operation {Id} to the journal: {Cause}")]
    private static partial void LogNotClosed(ILogger logger, long id, string cause);

    [LoggerMessage(2202, LogLevel.Warning, "Could not write the progress of operation {Id} to the journal: {Cause}")]
    private static partial void LogNotWritten(ILogger logger, long id, string cause);
}
