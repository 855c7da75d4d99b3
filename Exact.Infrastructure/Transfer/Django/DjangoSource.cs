using System.Data;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Transfer.Exporting;
using Exact.Infrastructure.Transfer.Mapping;
using Npgsql;

namespace Exact.Infrastructure.Transfer.Django;

/// <summary>Reads a live Django database as a fixture, in one snapshot, and changes nothing there.</summary>
/// <param name="target">The database that is imported into.</param>
/// <param name="models">What a fixture carries.</param>
internal sealed class DjangoSource(NpgsqlDataSource target, FixtureTables models)
{
    /// <summary>How long to wait for a table that is locked there, such as by a migration.</summary>
    private const string LockWait = "5s";

    /// <summary>Takes the snapshot and begins to read.</summary>
    /// <exception cref="DjangoException">It cannot be read, has not Django's tables, or is the target.</exception>
    public async Task<DjangoSnapshot> OpenAsync(DjangoAddress address, CancellationToken cancellationToken)
    {
        // The target first: what fails there is no failure of Django's server.
        var key = Random.Shared.NextInt64();
        await using var mark = await target.OpenConnectionAsync(cancellationToken);
        await using var marking = await mark.BeginTransactionAsync(cancellationToken);
        await TakeLockAsync(mark, key, cancellationToken);

        var source = address.CreateDataSource();
        NpgsqlConnection? connection = null;
        try
        {
            connection = await source.OpenConnectionAsync(cancellationToken);
            if (await SeesLockAsync(connection, key, cancellationToken))
            {
                throw new DjangoException(address, "is the one to import into.", "Name that of the Django backend.");
            }

            return new DjangoSnapshot(address, source, connection, await BeginAsync(connection, cancellationToken));
        }
        catch (Exception e)
        {
            await (connection?.DisposeAsync() ?? ValueTask.CompletedTask);
            await source.DisposeAsync();
            throw e switch
            {
                DjangoMismatchException mismatch => new DjangoException(address, e.Message, mismatch.Remedy),
                _ when DjangoException.Explains(e) => new DjangoException(address, e),
                _ => e,
            };
        }
    }

    private async Task<IReadOnlyList<RecordCopy>> BeginAsync(
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        var tables = DjangoTable.AllOf(models);
        var catalog = await DjangoCatalog.FindAsync(connection, tables, cancellationToken);
        await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        // LOCK takes no snapshot, and the first query after it does. Row security must be an error, not a missing row.
        // SQL_ASCII may hold any bytes: as they are, the import can name the record that is not UTF-8; the server cannot.
        await using var command = new NpgsqlCommand(
            $"""
            SET TRANSACTION READ ONLY;
            {TimeLimits.Lift(connection, local: true)}
            {LostClient.Detect(local: true)}
            SET LOCAL lock_timeout = '{LockWait}';
            SET LOCAL row_security = off;
            SET LOCAL extra_float_digits = 3;
            {catalog.LockSql()}
            SELECT set_config('client_encoding', 'SQL_ASCII', true)
            WHERE current_setting('server_encoding') = 'SQL_ASCII';
            SELECT set_config('jit', 'off', true) FROM pg_settings WHERE name = 'jit'
            """,
            connection
        );
        await command.ExecuteNonQueryAsync(cancellationToken);
        await catalog.ReadColumnsAsync(connection, cancellationToken);
        return [.. tables.Select(table => table.ToCopy(catalog))];
    }

    private static async Task TakeLockAsync(NpgsqlConnection connection, long key, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT pg_advisory_xact_lock($1)", connection);
        command.Parameters.Add(new() { Value = key });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Who sees the target's lock is in the target; names and addresses would not tell.</summary>
    private static async Task<bool> SeesLockAsync(
        NpgsqlConnection connection,
        long key,
        CancellationToken cancellationToken
    )
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT EXISTS (
                SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
                WHERE l.locktype = 'advisory' AND (l.classid::bigint << 32 | l.objid::bigint) = $1
            )
            """,
            connection
        );
        command.Parameters.Add(new() { Value = key });
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }
}
