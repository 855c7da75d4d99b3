namespace Exact.Infrastructure.Database;

/// <summary>Makes PostgreSQL end a session, and release its locks, soon after its client has died.</summary>
internal static class LostClient
{
    /// <summary>Notices a dead process within a second, and a lost machine within 25 seconds.</summary>
    /// <param name="local">Whether the settings end with the transaction, as a connection pooler requires.</param>
    public static string Detect(bool local) =>
        $"""
            SET {(local ? "LOCAL" : "SESSION")} tcp_keepalives_idle = 10;
            SET {(local ? "LOCAL" : "SESSION")} tcp_keepalives_interval = 5;
            SET {(local ? "LOCAL" : "SESSION")} tcp_keepalives_count = 3;
            DO $$ BEGIN
                PERFORM set_config('client_connection_check_interval', '500', {(local ? "true" : "false")});
            EXCEPTION WHEN undefined_object OR invalid_parameter_value THEN -- PostgreSQL 13, or an unsupported platform
            END $$;
            """;
}
