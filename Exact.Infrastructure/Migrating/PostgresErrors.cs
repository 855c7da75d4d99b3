using System.Net.Sockets;
using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>Which failures go away by themselves.</summary>
internal static class PostgresErrors
{
    /// <summary>The server cannot be reached, is starting, stopping or full of sessions, or the connection was lost.</summary>
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

    /// <summary>Another session was in the way, and need not be the next time.</summary>
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
