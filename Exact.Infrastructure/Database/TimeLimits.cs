using Npgsql;

namespace Exact.Infrastructure.Database;

/// <summary>Lifts the time limits that protect requests from a session that has to work for longer.</summary>
internal static class TimeLimits
{
    /// <param name="connection">The session; its server may not know all limits.</param>
    /// <param name="local">Whether the settings end with the transaction, as a connection pooler requires.</param>
    public static string Lift(NpgsqlConnection connection, bool local)
    {
        var set = local ? "SET LOCAL" : "SET SESSION";
        var version = connection.PostgreSqlVersion.Major;
        return $"""
            {set} statement_timeout = 0;
            {set} idle_in_transaction_session_timeout = 0;
            {(version >= 14 ? $"{set} idle_session_timeout = 0;" : "")}
            {(version >= 17 ? $"{set} transaction_timeout = 0;" : "")}
            """;
    }
}
