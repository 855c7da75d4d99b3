using Exact.Infrastructure.Database;

namespace Exact.Infrastructure.Operations;

/// <summary>
/// The sign of life of an operation: an advisory lock that every session that works for it shares until its transaction ends. Nobody has to
/// guess from a clock whether a process still lives: PostgreSQL gives the lock back when its session ends. It belongs to a
/// transaction, not to the session, so that it also holds behind a pooler.
/// </summary>
internal static class OperationLock
{
    /// <summary>"exop" in ASCII: the first of the two keys; the second one is the operation.</summary>
    private const string Class = "1702391664";

    /// <summary>The second key has 32 bits; two operations so far apart do not run at the same time.</summary>
    private const string Keys = "2147483647";

    private const string Own = "(SELECT oid FROM pg_database WHERE datname = current_database())";

    /// <summary>The operation with the lock of <c>@high</c> and <c>@low</c>, the halves of a key.</summary>
    public const string FindHolder = $"""
        {RowSecurity.Off}
        SELECT o.id
        FROM pg_locks taken
        JOIN pg_locks life ON life.pid = taken.pid AND life.locktype = 'advisory' AND life.granted
            AND life.database = {Own} AND life.objsubid = 2 AND life.classid = {Class}
        JOIN operations o ON o.id % {Keys} = life.objid::bigint AND o.state = 'running'
        WHERE taken.locktype = 'advisory' AND taken.granted AND taken.database = {Own}
          AND taken.objsubid = 1 AND taken.classid::bigint = @high AND taken.objid::bigint = @low
        LIMIT 1
        """;

    /// <summary>
    /// Takes part in an operation until the transaction ends. PostgreSQL learns in a second that the process has died, and in half a
    /// minute that its machine is lost.
    /// </summary>
    public static string Share(long id) =>
        $"""
            SET LOCAL idle_in_transaction_session_timeout = 0;
            SET LOCAL row_security = off;
            SET LOCAL tcp_keepalives_idle = 10;
            SET LOCAL tcp_keepalives_interval = 5;
            SET LOCAL tcp_keepalives_count = 3;
            DO $$ BEGIN
                PERFORM set_config('client_connection_check_interval', '500', true);
            EXCEPTION WHEN undefined_object OR invalid_parameter_value THEN -- PostgreSQL 13; a platform that cannot
            END $$;
            SELECT pg_advisory_xact_lock_shared({Class}, {id} % {Keys})
            """;

    /// <summary>An expression that is true if no session works for the operation.</summary>
    public static string TryTake(string id) => $"pg_try_advisory_xact_lock({Class}, ({id} % {Keys})::int)";
}
