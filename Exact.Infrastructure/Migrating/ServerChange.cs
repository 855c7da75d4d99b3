using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>Notices that the pool reaches another server than before, or the same one after a restart.</summary>
/// <remarks>
/// Compares the start time, which every role may read: no other server has the same one, and so a promoted standby is
/// noticed even if its predecessor has failed no request. A server in recovery does not count: public reads may go to
/// several.
/// </remarks>
internal sealed class ServerChange
{
    private const int Seconds = 15;

    private long started;

    public event Action? Noticed;

    /// <summary>Compares the server of a connection.</summary>
    public async Task CompareAsync(NpgsqlConnection connection, CancellationToken cancellationToken = default)
    {
        await using var command = CreateCommand(connection);
        Compare(await command.ExecuteScalarAsync(cancellationToken));
    }

    /// <inheritdoc cref="CompareAsync"/>
    public void Compare(NpgsqlConnection connection)
    {
        using var command = CreateCommand(connection);
        Compare(command.ExecuteScalar());
    }

    private static NpgsqlCommand CreateCommand(NpgsqlConnection connection) =>
        new("SELECT pg_postmaster_start_time() WHERE NOT pg_is_in_recovery()", connection) { CommandTimeout = Seconds };

    private void Compare(object? startTime)
    {
        if (startTime is not DateTime { Ticks: var now })
        {
            return;
        }

        if (Interlocked.Exchange(ref started, now) is not 0 and var before && before != now)
        {
            Noticed?.Invoke();
        }
    }
}
