using System.Text.Json;
using System.Text.Json.Serialization;
using Exact.Infrastructure.Database;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Exact.Infrastructure.Operations;

/// <summary>
/// Keeps imports and exports on record, on connections of its own: a rolled back import is on record, too. What it says is true on any replica
/// and after any crash: an operation runs as long as a session holds its <see cref="OperationLock"/>.
/// </summary>
internal sealed class OperationJournal(NpgsqlDataSource database, TimeProvider time, ILogger<OperationJournal> logger)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DictionaryKeyPolicy = null, // labels and names stay as they are
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    /// <summary>Opens an entry, runs the work, and closes the entry with what came of it.</summary>
    /// <param name="kind">What the work is.</param>
    /// <param name="actor">Who asked for it.</param>
    /// <param name="work">The work. Its token also ends it when somebody cancels the operation.</param>
    /// <param name="judge">Its figures, and its error if it did not succeed.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <exception cref="OperationCancelledException">Somebody cancelled it, on this replica or on another.</exception>
    public async Task<T> RecordAsync<T>(
        OperationKind kind,
        string actor,
        Func<RunningOperation, CancellationToken, Task<T>> work,
        Func<T, (object? Figures, string? Error)> judge,
        CancellationToken cancellationToken
    )
    {
        await using var operation = await RunningOperation.BeginAsync(
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
        );
        try
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, operation.Cancelled);
            var result = await work(operation, either.Token);
            var (figures, error) = judge(result);
            await operation.EndAsync(error is null ? OperationState.Succeeded : OperationState.Failed, figures, error);
            return result;
        }
        catch (Exception e) when (operation.Cancelled.IsCancellationRequested)
        {
            await operation.EndAsync(OperationState.Cancelled, figures: null, error: null);
            throw new OperationCancelledException(operation.Id, e);
        }
        catch (OperationCanceledException)
        {
            const string Gone = "Its caller went away, or the service was stopped.";
            await operation.EndAsync(OperationState.Cancelled, figures: null, Gone);
            throw;
        }
        catch (Exception e)
        {
            await operation.EndAsync(OperationState.Failed, figures: null, e.Cause());
            throw;
        }
    }

    /// <summary>Closes the entries of processes that are no more. Whoever reads the journal calls it first.</summary>
    public async Task SettleAsync(CancellationToken cancellationToken)
    {
        // Whoever commits in this very moment gives its lock back when the row says so already; PostgreSQL then looks at the row again.
        await using var command = database.CreateCommand(
            $"""
            {RowSecurity.Off}
            UPDATE operations SET state = 'failed', finished_at = @now, error = @error
            WHERE state = 'running' AND {OperationLock.TryTake("id")}
            """
        );
        command.Parameters.AddWithValue("now", time.GetUtcNow());
        command.Parameters.AddWithValue("error", "The process that did it ended before it. Nothing was changed.");
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Asks the process that runs the operation, wherever it is, to end it. What has been committed stays.</summary>
    /// <returns>False if it has ended, or does not exist.</returns>
    public async Task<bool> CancelAsync(long id, string actor, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
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

    /// <summary>The operation whose session holds this advisory lock; null if nobody does.</summary>
    public async Task<long?> FindHolderAsync(long advisoryLock, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(OperationLock.FindHolder);
        command.Parameters.AddWithValue("high", advisoryLock >> 32);
        command.Parameters.AddWithValue("low", advisoryLock & uint.MaxValue);
        return await command.ExecuteScalarAsync(cancellationToken) as long?;
    }

    /// <summary>As the columns keep it. <c>jsonb</c> has no U+0000, which a name in a file may have.</summary>
    internal static string Serialize(object value) =>
        JsonSerializer.Serialize(value, Json).Replace(@"\u0000", @"\uFFFD", StringComparison.Ordinal);
}
