using System.Net.Sockets;
using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>Tells which failures may pass if the statement is tried again.</summary>
internal static class PostgresErrors
{
    /// <summary>
    /// The server cannot be reached, is starting, stopping or full of sessions, or the connection was lost.
    /// </summary>
    public static bool IsServerAway(Exception exception) =>
        exception switch
        {
            PostgresException e => e.SqlState
                is PostgresErrorCodes.CannotConnectNow
                    or PostgresErrorCodes.AdminShutdown
                    or PostgresErrorCodes.CrashShutdown
                    or PostgresErrorCodes.TooManyConnections
                || e.SqlState.StartsWith("08", StringComparison.Ordinal),
            SocketException or TimeoutException or IOException => true,
            NpgsqlException { InnerException: { } inner } => IsServerAway(inner),
            { InnerException: NpgsqlException inner } => IsServerAway(inner),
            _ => false,
        };

    /// <summary>The database of the connection string does not exist.</summary>
    public static bool IsDatabaseMissing(Exception exception) =>
        exception is PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName };

    /// <summary>Another session held a lock, or changed the same rows.</summary>
    public static bool IsBlocked(Exception exception) =>
        exception switch
        {
            PostgresException e => e.SqlState
                is PostgresErrorCodes.LockNotAvailable
                    or PostgresErrorCodes.DeadlockDetected
                    or PostgresErrorCodes.SerializationFailure,
            { InnerException: NpgsqlException inner } => IsBlocked(inner),
            _ => false,
        };
}
