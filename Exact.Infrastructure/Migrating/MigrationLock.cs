using System.Data;
using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>
/// The right to migrate: a session advisory lock on the connection that migrates, so that the lock and the migration's
/// transaction end together.
/// </summary>
internal sealed class MigrationLock : IAsyncDisposable
{
    // "EXCT" in ASCII for the application, and a second key for the schema within the database.
    private const string Application = "1163412308";
    private const string Schema = "hashtext(coalesce(current_schema(), ''))";

    private static readonly TimeSpan MinimalPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan MaximalPause = TimeSpan.FromMilliseconds(250);

    private readonly NpgsqlConnection connection;

    private MigrationLock(NpgsqlConnection connection) => this.connection = connection;

    /// <summary>
    /// Polls for the lock. Blocking in <c>pg_advisory_lock</c> would hold a snapshot, for which <c>CREATE INDEX
    /// CONCURRENTLY</c> waits.
    /// </summary>
    /// <param name="connection">The open connection that will migrate; not a pooled one.</param>
    /// <param name="patience">How long to wait for another holder.</param>
    /// <param name="time">Measures the wait.</param>
    /// <param name="isNeeded">
    /// Called after each failed attempt: the wait ends once another replica has done the work.
    /// </param>
    /// <param name="onWaiting">Called with the holder at first, and whenever the holder changes.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The lock; null if it is no longer needed.</returns>
    /// <exception cref="MigrationRefusedException">
    /// Other sessions held the lock all that time; the message names the last.
    /// </exception>
    public static async Task<MigrationLock?> AcquireAsync(
        NpgsqlConnection connection,
        TimeSpan patience,
        TimeProvider time,
        Func<CancellationToken, Task<bool>>? isNeeded = null,
        Action<LockHolder?>? onWaiting = null,
        CancellationToken cancellationToken = default
    )
    {
        var started = time.GetTimestamp();
        var pause = MinimalPause;
        int? waitsFor = null;
        while (!await TryAsync(connection, cancellationToken))
        {
            if (isNeeded is not null && !await isNeeded(cancellationToken))
            {
                return null;
            }

            var holder = await FindHolderAsync(connection, cancellationToken);
            if (time.GetElapsedTime(started) > patience)
            {
                throw new MigrationRefusedException(
                    $"The migration lock was not free for {patience}; its holder is {holder?.ToString() ?? "unknown"}. "
                        + "If that session is migrating, raise Migrations:LockWait; if it hangs, end it with "
                        + "pg_terminate_backend."
                );
            }

            if (holder?.ProcessId != waitsFor)
            {
                waitsFor = holder?.ProcessId;
                onWaiting?.Invoke(holder);
            }

            await Task.Delay(pause.WithJitter(), time, cancellationToken);
            pause = pause * 1.5 < MaximalPause ? pause * 1.5 : MaximalPause;
        }

        return new MigrationLock(connection);
    }

    /// <summary>Tries to take the lock until the transaction ends, for work that is no migration.</summary>
    public static async Task<bool> TryForTransactionAsync(
        NpgsqlTransaction transaction,
        CancellationToken cancellationToken
    )
    {
        await using var command = new NpgsqlCommand(
            $"SELECT pg_try_advisory_xact_lock({Application}, {Schema})",
            transaction.Connection,
            transaction
        );
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    /// <summary>Finds the session that holds the lock in the connection's database and schema.</summary>
    public static async Task<LockHolder?> FindHolderAsync(
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        await using var command = new NpgsqlCommand(
            $"""
            SELECT l.pid, nullif(a.application_name, ''), host(a.client_addr), a.backend_start
            FROM pg_locks l
            LEFT JOIN pg_stat_activity a ON a.pid = l.pid
            WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = {Application}
              AND l.objid::bigint = {Schema}::bigint & 4294967295
              AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """,
            connection
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new LockHolder(
                reader.GetInt32(0),
                reader.IsDBNull(1) ? null : reader.GetString(1),
                reader.IsDBNull(2) ? null : reader.GetString(2),
                reader.IsDBNull(3) ? null : reader.GetFieldValue<DateTimeOffset>(3)
            )
            : null;
    }

    /// <summary>Releases the lock; PostgreSQL has already released that of a broken connection.</summary>
    public async ValueTask DisposeAsync()
    {
        if (connection.State is ConnectionState.Open)
        {
            await using var command = new NpgsqlCommand(
                $"SELECT pg_advisory_unlock({Application}, {Schema})",
                connection
            );
            await command.ExecuteScalarAsync();
        }
    }

    private static async Task<bool> TryAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"SELECT pg_try_advisory_lock({Application}, {Schema})",
            connection
        );
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }
}

/// <summary>The session that holds the migration lock.</summary>
/// <param name="ProcessId">PostgreSQL's process id of the session.</param>
/// <param name="Application">Its <c>application_name</c>: <c>exact VERSION HOST</c> for a replica.</param>
/// <param name="Address">The client's address; null for a local socket.</param>
/// <param name="ConnectedAt">When the session was opened.</param>
public sealed record LockHolder(int ProcessId, string? Application, string? Address, DateTimeOffset? ConnectedAt)
{
    public override string ToString() =>
        $"{Application ?? "a session"} (pid {ProcessId}{(Address is null ? "" : $" from {Address}")})";
}
