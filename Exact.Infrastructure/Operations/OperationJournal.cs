using System.Text.Json;
using System.Text.Json.Serialization;
using Exact.Infrastructure.Database;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Exact.Infrastructure.Operations;

/// <summary>
/// Records imports and exports on its own connections, including those that are rolled back. An operation is running
/// while a session holds its
/// <see cref="OperationLock"/>.
/// </summary>
internal sealed partial class OperationJournal(
    NpgsqlDataSource database,
    OperationTurns turns,
    OperationTelemetry telemetry,
    TimeProvider time,
    ILogger<OperationJournal> logger,
    IHostApplicationLifetime? host = null
)
{
    /// <summary>The error of an operation whose process has died.</summary>
    public const string Died = "The process ended before the operation did. Nothing was changed.";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DictionaryKeyPolicy = null, // keys are labels and names, and stay unchanged
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    /// <summary>Opens an entry, runs the work, and closes the entry with the outcome.</summary>
    /// <param name="kind">The kind of the work.</param>
    /// <param name="actor">Who asked for it.</param>
    /// <param name="work">The work; its token also signals that the operation was cancelled.</param>
    /// <param name="summarize">Returns the figures, and the error if the work failed.</param>
    /// <param name="cancellationToken">Cancels the work.</param>
    /// <exception cref="OperationCancelledException">The operation was cancelled, on this replica or on another.</exception>
    public async Task<T> RecordAsync<T>(
        OperationKind kind,
        string actor,
        Func<RunningOperation, CancellationToken, Task<T>> work,
        Func<T, (object? Figures, string? Error)> summarize,
        CancellationToken cancellationToken
    )
    {
        using var turn = await turns.TakeAsync(cancellationToken);
        using var measured = telemetry.Start(kind, actor);
        await using var operation = await BeginAsync(kind, actor, cancellationToken);
        return await RunAsync(operation, actor, measured, work, summarize, cancellationToken);
    }

    /// <summary>
    /// The same for work that only reads: where the journal cannot be written, such as on a standby, it has no entry.
    /// </summary>
    public async Task<T> RecordReadAsync<T>(
        OperationKind kind,
        string actor,
        Func<RunningOperation?, CancellationToken, Task<T>> work,
        Func<T, object> summarize,
        CancellationToken cancellationToken
    )
    {
        using var turn = await turns.TakeAsync(cancellationToken);
        using var measured = telemetry.Start(kind, actor);
        await using var operation = await TryBeginAsync(kind, actor, cancellationToken);
        if (operation is not null)
        {
            return await RunAsync(operation, actor, measured, work, done => (summarize(done), null), cancellationToken);
        }

        var result = await work(null, cancellationToken);
        measured.Outcome = OperationState.Succeeded;
        return result;
    }

    /// <summary>The number of the operation in which the exception was thrown; null if there was none.</summary>
    public static long? OperationOf(Exception exception) => exception.Data[nameof(Operation)] as long?;

    private async Task<RunningOperation?> TryBeginAsync(
        OperationKind kind,
        string actor,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return await BeginAsync(kind, actor, cancellationToken);
        }
        catch (Exception e) when (PostgresErrors.FaultOf(e) is DatabaseFault.ReadOnly or DatabaseFault.Full)
        {
            LogNoEntry(kind, e.Cause());
            database.LookForPrimary(); // the session may be older than the promotion of its server
            return null;
        }
    }

    private Task<RunningOperation> BeginAsync(OperationKind kind, string actor, CancellationToken cancellationToken) =>
        database.TryTwiceAsync(() =>
            RunningOperation.BeginAsync(
                database,
                new()
                {
                    Kind = kind,
                    Actor = actor,
                    Origin = Product.Origin,
                    StartedAt = time.GetUtcNow(),
                },
                time,
                logger,
                cancellationToken
            )
        );

    private async Task<T> RunAsync<T>(
        RunningOperation operation,
        string actor,
        OperationTelemetry.Measured measured,
        Func<RunningOperation, CancellationToken, Task<T>> work,
        Func<T, (object? Figures, string? Error)> summarize,
        CancellationToken cancellationToken
    )
    {
        measured.Identify(operation.Id);
        try
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, operation.Cancelled);
            var result = await work(operation, either.Token);
            var (figures, error) = summarize(result);
            var outcome = error is null ? OperationState.Succeeded : OperationState.Failed;
            await operation.EndAsync(outcome, figures, error);
            measured.Outcome = outcome;
            return result;
        }
        catch (CommitInDoubtException e)
        {
            e.Data[nameof(Operation)] = operation.Id;
            throw; // the entry is closed by its transaction, or else by the next reader of the journal
        }
        catch (Exception e) when (operation.Cancelled.IsCancellationRequested)
        {
            measured.Outcome = OperationState.Cancelled;
            await operation.EndAsync(OperationState.Cancelled, figures: null, error: null);
            throw new OperationCancelledException(operation.Id, e);
        }
        catch (Exception e)
            when (e is OperationCanceledException
                || (
                    cancellationToken.IsCancellationRequested
                    && !e.IsOurs()
                    && e.GetBaseException() is not PostgresException { SqlState: not PostgresErrorCodes.QueryCanceled }
                )
            )
        {
            // What the server throws from a connection that it has aborted depends on the version of HTTP.
            measured.Outcome = OperationState.Cancelled;
            await operation.EndAsync(OperationState.Cancelled, figures: null, WhyEnded(actor));
            throw;
        }
        catch (Exception e)
        {
            e.Data[nameof(Operation)] = operation.Id;
            await operation.EndAsync(OperationState.Failed, figures: null, e.Cause());
            throw;
        }
    }

    /// <summary>Why work has ended early that nobody cancelled by its number.</summary>
    private string WhyEnded(string actor) =>
        actor is Actors.CommandLine ? "The command was stopped."
        : host?.ApplicationStopping.IsCancellationRequested is true ? "The service was stopped."
        : "The client disconnected.";

    /// <summary>Closes the entries of processes that have died; call it before reading the journal.</summary>
    public Task SettleAsync(CancellationToken cancellationToken) =>
        database.TryTwiceAsync(async () =>
        {
            try
            {
                return await CloseDeadAsync(cancellationToken);
            }
            catch (PostgresException e) when (PostgresErrors.FaultOf(e) is DatabaseFault.ReadOnly)
            {
                return 0; // they are closed when the server is a primary
            }
        });

    private async Task<int> CloseDeadAsync(CancellationToken cancellationToken)
    {
        // A commit at this moment changes the row before it releases the lock, and PostgreSQL then checks the row
        // again.
        await using var command = database.CreateShortCommand(
            $"""
            {RowSecurity.Off}
            UPDATE operations SET state = 'failed', finished_at = @now, error = @error
            WHERE state = 'running' AND {OperationLock.TryTake("id")}
            """
        );
        command.Parameters.AddWithValue("now", time.GetUtcNow());
        command.Parameters.AddWithValue("error", Died);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>
    /// Asks the process that runs the operation, on any replica, to cancel it. Committed changes stay.
    /// </summary>
    /// <returns>False if it has ended or does not exist.</returns>
    public async Task<bool> CancelAsync(long id, string actor, CancellationToken cancellationToken)
    {
        await using var command = database.CreateShortCommand(
            $"""
            {RowSecurity.Off}
            UPDATE operations SET cancelled_by = coalesce(cancelled_by, @actor)
            WHERE id = @id AND state = 'running'
            """
        );
        command.Parameters.AddWithValue("id", id);
        command.Parameters.AddWithValue("actor", actor);
        return await command.ExecuteNonQueryAsync(cancellationToken) == 1;
    }

    /// <summary>Finds the operation whose session holds this advisory lock; null if there is none.</summary>
    public Task<long?> FindHolderAsync(long advisoryLock, CancellationToken cancellationToken) =>
        database.TryTwiceAsync(async () =>
        {
            await using var command = database.CreateShortCommand(OperationLock.FindHolder);
            command.Parameters.AddWithValue("high", advisoryLock >> 32);
            command.Parameters.AddWithValue("low", advisoryLock & uint.MaxValue);
            return await command.ExecuteScalarAsync(cancellationToken) as long?;
        });

    /// <summary>
    /// Serializes for a <c>jsonb</c> column, which cannot contain U+0000, although a name in a file can.
    /// </summary>
    internal static string Serialize(object value) =>
        JsonSerializer.Serialize(value, Json).Replace(@"\u0000", @"\uFFFD", StringComparison.Ordinal);

    [LoggerMessage(
        2203,
        LogLevel.Warning,
        "The journal cannot be written, so this operation ({Kind}) has no entry: {Cause}"
    )]
    private partial void LogNoEntry(OperationKind kind, string cause);
}
