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

    /// <summary>How long, in seconds, a server may take to come back, or a standby to confirm, what became of a COMMIT.</summary>
    private const int DoubtSeconds = 10;

    private readonly NpgsqlDataSource database;
    private readonly Operation entry;
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
        Operation entry,
        NpgsqlConnection life,
        TimeProvider time,
        ILogger logger
    )
    {
        Id = id;
        this.database = database;
        this.entry = entry;
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
        Operation entry,
        TimeProvider time,
        ILogger logger,
        CancellationToken cancellationToken
    )
    {
        var id = await OperationEntry.NextIdAsync(database, cancellationToken);
        var life = await database.OpenConnectionAsync(cancellationToken);
        try
        {
            // The lock comes before the entry, because an entry without a lock means that its process has died.
            await life.BeginTransactionAsync(cancellationToken);
            await ShareLockAsync(id, life, cancellationToken);
            await OperationEntry.InsertAsync(database, id, entry, cancellationToken);
            return new RunningOperation(id, database, entry, life, time, logger);
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
    /// Commits a transaction with the success as its last statement, so that the journal and the data agree. If the
    /// connection is lost meanwhile, the journal tells what became of it.
    /// </summary>
    /// <exception cref="OperationCancelledException">The operation was cancelled, so nothing was committed.</exception>
    /// <exception cref="CommitInDoubtException">
    /// The server does not answer any more, or its synchronous standby has not confirmed the COMMIT.
    /// </exception>
    public async Task CommitAsync(NpgsqlConnection connection, object figures, CancellationToken cancellationToken)
    {
        await StopWatchingAsync(); // a progress that is being written holds the row
        if (!await OperationEntry.TrySucceedAsync(connection, Id, time.GetUtcNow(), figures, cancellationToken))
        {
            await cancelled.CancelAsync();
            throw new OperationCancelledException(Id);
        }

        try
        {
            using var standby = new StandbyConfirmation(connection);
            await CommitAsync(connection);
            standby.Demand();
        }
        catch (Exception e)
            when (e is StandbyMissingException
                || PostgresErrors.FaultOf(e) is DatabaseFault.Away or DatabaseFault.TimedOut
            )
        {
            if (!await HasCommittedAsync(e))
            {
                throw;
            }
        }
    }

    /// <summary>Commits. It cannot be cancelled: half an answer would not tell what became of it.</summary>
    public static async Task CommitAsync(NpgsqlConnection connection)
    {
        // A role may have switched off the warnings, of which StandbyConfirmation has to know.
        await using var commit = new NpgsqlCommand("SET LOCAL client_min_messages = warning; COMMIT", connection);
        await commit.ExecuteNonQueryAsync(CancellationToken.None);
    }

    /// <summary>Closes the entry unless its transaction has done so.</summary>
    public async Task EndAsync(OperationState state, object? figures, string? error)
    {
        await StopWatchingAsync();
        entry.State = state;
        entry.FinishedAt = time.GetUtcNow();
        entry.Error = error;
        entry.Figures = figures is null ? null : OperationJournal.Serialize(figures);
        entry.Progress =
            state is OperationState.Succeeded || progress is null ? null : OperationJournal.Serialize(progress);
        try
        {
            await CloseAsync();
        }
        catch (Exception e) when (PostgresErrors.FaultOf(e) is not null || e is ObjectDisposedException)
        {
            LogNotClosed(logger, Id, e.Cause()); // the next reader of the journal closes it
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopWatchingAsync();
        try
        {
            await life.DisposeAsync();
        }
        catch (NpgsqlException)
        {
            // the session was lost; what the operation did is in the journal
        }

        cancelled.Dispose();
        ending.Dispose();
    }

    /// <summary>
    /// Closes the entry and releases the lock at once; if the session with the lock was lost, in another.
    /// </summary>
    private async Task CloseAsync()
    {
        try
        {
            await OperationEntry.CloseAsync(life, Id, entry);
            await CommitAsync(life);
        }
        catch (Exception e) when (PostgresErrors.FaultOf(e) is DatabaseFault.Away or DatabaseFault.TimedOut)
        {
            database.ForgetLost(e);
            await using var other = await database.OpenConnectionAsync(CancellationToken.None);
            await OperationEntry.CloseAsync(other, Id, entry);
        }
    }

    private async Task<bool> HasCommittedAsync(Exception lost)
    {
        var until = time.GetUtcNow().AddSeconds(DoubtSeconds);
        while (true)
        {
            try
            {
                return await OperationEntry.HasSucceededAsync(database, Id, DoubtSeconds);
            }
            catch (StandbyMissingException e)
            {
                throw new CommitInDoubtException(Id, e);
            }
            catch (Exception e) when (PostgresErrors.FaultOf(e) is not null)
            {
                if (time.GetUtcNow() > until || !PostgresErrors.IsServerAway(e))
                {
                    throw new CommitInDoubtException(Id, lost);
                }

                database.LookForPrimary();
                await Task.Delay(Interval, time);
            }
        }
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
            // Without an entry, another replica found no lock and closed it, so the work must stop.
            if (await OperationEntry.ReportAsync(database, Id, progress, ending.Token) is not false)
            {
                await cancelled.CancelAsync();
            }
        }
        catch (Exception e) when (PostgresErrors.FaultOf(e) is not null || e is ObjectDisposedException)
        {
            LogNotWritten(logger, Id, e.Cause()); // the next tick may succeed; without the server the work fails anyway
        }
    }

    private static async Task ShareLockAsync(long id, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(OperationLock.Share(id, connection), connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    [LoggerMessage(2201, LogLevel.Warning, "Could not write the end of operation {Id} to the journal: {Cause}")]
    private static partial void LogNotClosed(ILogger logger, long id, string cause);

    [LoggerMessage(2202, LogLevel.Warning, "Could not write the progress of operation {Id} to the journal: {Cause}")]
    private static partial void LogNotWritten(ILogger logger, long id, string cause);
}
