using Exact.Infrastructure.Database;
using Npgsql;

namespace Exact.Infrastructure.Operations;

/// <summary>The statements that write the journal's entry of one operation.</summary>
/// <remarks>
/// They do not wait until a standby has them (<c>synchronous_commit</c>), so that a stalled standby holds up only the
/// COMMIT of an import, which then takes these changes along. An entry that a crash takes back counts as failed.
/// </remarks>
internal static class OperationEntry
{
    /// <summary>A condition that is always true, and that makes the transaction commit asynchronously.</summary>
    private const string WithoutWaiting = "set_config('synchronous_commit', 'off', true) = 'off'";

    public static async Task<long> NextIdAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        // Outside the transaction that holds the lock: nextval would give it a transaction id, which holds back VACUUM.
        await using var command = database.CreateShortCommand(
            $"SELECT nextval(pg_get_serial_sequence('operations', 'id')) WHERE {WithoutWaiting}"
        );
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    public static async Task InsertAsync(
        NpgsqlDataSource database,
        long id,
        Operation operation,
        CancellationToken cancellationToken
    )
    {
        await using var command = database.CreateShortCommand(
            $"""
            {RowSecurity.Off}
            INSERT INTO operations (id, kind, actor, origin, started_at, state)
            SELECT @id, @kind, @actor, @origin, @started_at, 'running' WHERE {WithoutWaiting}
            """
        );
        command.Parameters.AddWithValue("id", id);
        command.Parameters.AddWithValue("kind", Name(operation.Kind));
        command.Parameters.AddWithValue("actor", operation.Actor);
        command.Parameters.AddWithValue("origin", operation.Origin);
        command.Parameters.AddWithValue("started_at", operation.StartedAt);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <returns>Whether somebody has cancelled the operation; null if its entry has been closed.</returns>
    public static async Task<bool?> ReportAsync(
        NpgsqlDataSource database,
        long id,
        object? progress,
        CancellationToken cancellationToken
    )
    {
        await using var command = database.CreateShortCommand(
            $"""
            {RowSecurity.Off}
            UPDATE operations SET progress = coalesce(@progress::jsonb, progress)
            WHERE id = @id AND state = 'running' AND {WithoutWaiting} RETURNING cancelled_by IS NOT NULL
            """
        );
        command.Parameters.AddWithValue("id", id);
        command.Parameters.AddWithValue("progress", Json(progress));
        return await command.ExecuteScalarAsync(cancellationToken) as bool?;
    }

    /// <summary>Closes the entry in the transaction of the connection, unless it has been closed.</summary>
    public static async Task CloseAsync(NpgsqlConnection connection, long id, Operation ended)
    {
        await using var command = new NpgsqlCommand(
            $"""
            {RowSecurity.Off}
            UPDATE operations
            SET state = @state, finished_at = @now, error = @error, figures = @figures::jsonb, progress = @progress::jsonb
            WHERE id = @id AND state = 'running' AND {WithoutWaiting}
            """,
            connection
        );
        command.Parameters.AddWithValue("id", id);
        command.Parameters.AddWithValue("state", Name(ended.State));
        command.Parameters.AddWithValue("now", ended.FinishedAt!);
        command.Parameters.AddWithValue("error", (object?)ended.Error ?? DBNull.Value);
        command.Parameters.AddWithValue("figures", (object?)ended.Figures ?? DBNull.Value);
        command.Parameters.AddWithValue("progress", (object?)ended.Progress ?? DBNull.Value);
        // Not cancellable: the entry must be closed even if the client has disconnected.
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    /// <summary>
    /// Writes the success as part of a transaction with changes, which waits for its standby as usual.
    /// </summary>
    /// <returns>False if somebody has cancelled the operation.</returns>
    public static async Task<bool> TrySucceedAsync(
        NpgsqlConnection connection,
        long id,
        DateTimeOffset now,
        object figures,
        CancellationToken cancellationToken
    )
    {
        await using var command = new NpgsqlCommand(
            """
            UPDATE operations
            SET state = 'succeeded', finished_at = @now, figures = @figures::jsonb, progress = NULL
            WHERE id = @id AND state = 'running' AND cancelled_by IS NULL
            """,
            connection
        );
        command.Parameters.AddWithValue("id", id);
        command.Parameters.AddWithValue("now", now);
        command.Parameters.AddWithValue("figures", Json(figures));
        return await command.ExecuteNonQueryAsync(cancellationToken) == 1;
    }

    /// <summary>
    /// Whether the success has been committed. It waits for a transaction that is about to write it, and for the
    /// synchronous standby, where there is one.
    /// </summary>
    /// <param name="patience">How long to wait, in seconds.</param>
    /// <exception cref="StandbyMissingException">It was committed, but the standby has not confirmed it in that time.</exception>
    public static async Task<bool> HasSucceededAsync(NpgsqlDataSource database, long id, int patience)
    {
        await using var connection = await database.OpenConnectionAsync(CancellationToken.None);
        using var standby = new StandbyConfirmation(connection);
        // What it writes is behind the COMMIT in doubt, so a standby that has confirmed it has that COMMIT, too.
        await using var command = new NpgsqlCommand(
            $"""
            {RowSecurity.Off} {StandbyConfirmation.BeTold}
            UPDATE operations SET state = state WHERE id = @id RETURNING state
            """,
            connection
        )
        {
            CommandTimeout = patience,
        };
        command.Parameters.AddWithValue("id", id);
        var hasSucceeded = await command.ExecuteScalarAsync(CancellationToken.None) is "succeeded";
        if (hasSucceeded)
        {
            standby.Demand();
        }

        return hasSucceeded;
    }

    public static object Json(object? value) => value is null ? DBNull.Value : OperationJournal.Serialize(value);

    private static string Name<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();
}
