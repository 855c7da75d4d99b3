using Exact.Infrastructure.Database;
using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>Explains why a server or a pooler rejects a session, and tells whether waiting helps.</summary>
internal static class ServerRefusal
{
    /// <summary>What PgBouncer says, in English only, while it has no room or no server behind it.</summary>
    private static readonly string[] PoolerIsBusy =
    [
        "cannot connect",
        "login has been failing",
        "server_login_retry",
        "timeout",
        "no more connections",
        "shutting down",
        "shut down",
    ];

    /// <summary>Whether the next attempt may succeed although nobody changes anything.</summary>
    public static bool MayPass(Exception exception) =>
        exception switch
        {
            MigrationRefusedException => false,
            PostgresException { SqlState: PostgresErrorCodes.ProtocolViolation } e => IsBusyPooler(e),
            NpgsqlException and not PostgresException when IsWithoutHost(exception) => true,
            _ => PostgresErrors.IsServerAway(exception) || PostgresErrors.IsDatabaseMissing(exception),
        };

    /// <summary>Says which server rejects whom, why, and what to do.</summary>
    /// <param name="rejection">The server's message.</param>
    /// <param name="setting">The setting with the connection string.</param>
    /// <param name="connection">The connection string.</param>
    public static string Describe(
        PostgresException rejection,
        string setting,
        NpgsqlConnectionStringBuilder connection
    ) =>
        $"PostgreSQL at {NameOf(connection)} rejects role \"{connection.Username}\" in database "
        + $"\"{DatabaseOf(connection)}\": {rejection.MessageText} ({rejection.SqlState}). "
        + rejection.SqlState switch
        {
            PostgresErrorCodes.ProtocolViolation => "This is the answer of a connection pooler. If it does not know a "
                + $"parameter, remove that from {setting}, or add it to ignore_startup_parameters in pgbouncer.ini.",
            PostgresErrorCodes.InsufficientPrivilege => $"As the owner of the database, run: GRANT CONNECT ON DATABASE "
                + $"{SqlIdentifier.Quote(DatabaseOf(connection))} TO "
                + $"{SqlIdentifier.Quote(connection.Username ?? "")};",
            PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
                $"Check the role and the password in {setting}.",
            _ => $"Check {setting} and the database.",
        };

    /// <summary>The name of the server for messages; of several hosts, all.</summary>
    public static string NameOf(NpgsqlConnectionStringBuilder connection) =>
        connection.Host?.Contains(',') is true ? connection.Host : $"{connection.Host}:{connection.Port}";

    /// <summary>The name of the database, which is the role's by default.</summary>
    public static string DatabaseOf(NpgsqlConnectionStringBuilder connection) =>
        connection.Database ?? connection.Username ?? "postgres";

    private static bool IsBusyPooler(PostgresException rejection) =>
        PoolerIsBusy.Any(part => rejection.MessageText.Contains(part, StringComparison.OrdinalIgnoreCase));

    /// <summary>Of several hosts none can be reached, or none is what "Target Session Attributes" asks for.</summary>
    private static bool IsWithoutHost(Exception exception) =>
        exception.Message.Contains("suitable host", StringComparison.Ordinal);
}
