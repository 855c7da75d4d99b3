using Exact.Infrastructure.Database;
using Npgsql;

namespace Exact.Infrastructure.Backups;

/// <summary>The advisory lock of the replica that makes a backup by itself. It ends with the session.</summary>
internal static class BackupLock
{
    /// <summary>"exactbak" in ASCII.</summary>
    private const long Key = 0x6578_6163_7462_616b;

    /// <summary>A condition on a process of the server: whether it holds the lock.</summary>
    public static string IsHeldBy(string processId) =>
        $"""
            EXISTS (SELECT FROM pg_locks b WHERE b.pid = {processId} AND b.locktype = 'advisory' AND b.granted
                AND b.classid = {Key >> 32} AND b.objid = {Key & uint.MaxValue})
            """;

    public static async Task<bool> TryAcquireAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"{TimeLimits.Lift(connection, local: false)} SELECT pg_try_advisory_lock({Key})",
            connection
        );
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    public static async Task ReleaseAsync(NpgsqlConnection connection)
    {
        await using var command = new NpgsqlCommand($"SELECT pg_advisory_unlock({Key})", connection);
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }
}
