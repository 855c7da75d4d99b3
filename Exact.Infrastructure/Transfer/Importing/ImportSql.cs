using Npgsql;

namespace Exact.Infrastructure.Transfer.Importing;

/// <summary>The statements of an import, on its connection. None has a time limit: the import as a whole is cancelled, or is not.</summary>
internal sealed class ImportSql(NpgsqlConnection connection)
{
    public NpgsqlCommand Command(string sql) => new(sql, connection) { CommandTimeout = 0 };

    /// <returns>The number of rows that were written, over all statements.</returns>
    public async Task<long> ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = Command(sql);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Executes one statement after another, in one round trip.</summary>
    public async Task ExecuteAllAsync(IEnumerable<string> statements, CancellationToken cancellationToken)
    {
        var all = string.Join(";\n", statements);
        if (all.Length > 0)
        {
            await ExecuteAsync(all, cancellationToken);
        }
    }

    public async Task<long> ScalarAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = Command(sql);
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Executes statements that lock tables, if nobody holds one against them for longer than they wait.</summary>
    /// <returns>Whether they were executed; if not, nothing of it is left.</returns>
    public async Task<bool> TryLockAsync(string statements, CancellationToken cancellationToken)
    {
        await ExecuteAsync("SAVEPOINT locking", cancellationToken);
        try
        {
            await ExecuteAsync(statements, cancellationToken);
            await ExecuteAsync("RELEASE SAVEPOINT locking", cancellationToken);
            return true;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable)
        {
            await ExecuteAsync("ROLLBACK TO SAVEPOINT locking; RELEASE SAVEPOINT locking", cancellationToken);
            return false;
        }
    }
}
