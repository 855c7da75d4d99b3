using Exact.Infrastructure.Database;
using Npgsql;

namespace Exact.Infrastructure.Operations;

/// <summary>
/// Shows that an operation is alive: an advisory lock that its transactions share, so that it works behind a pooler
/// too.
/// </summary>
internal static class OperationLock
{
    /// <summary>"exop" in ASCII: the first key; the second is the operation.</summary>
    private const string Class = "1702391664";

    /// <summary>The second key has 32 bits; operations that far apart do not run at the same time.</summary>
    private const string Keys = "2147483647";

    private const string Own = "(SELECT oid FROM pg_database WHERE datname = current_database())";

    /// <summary>
    /// Finds the operation whose session holds the advisory lock with the halves <c>@high</c> and <c>@low</c>.
    /// </summary>
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

    /// <summary>Shares the lock of an operation until the transaction ends, however long that is.</summary>
    public static string Share(long id, NpgsqlConnection connection) =>
        $"""
            {TimeLimits.Lift(connection, local: true)}
            SET LOCAL row_security = off;
            {LostClient.Detect(local: true)}
            SELECT pg_advisory_xact_lock_shared({Class}, {id} % {Keys})
            """;

    /// <summary>Writes an expression that is true if no session shares the lock of the operation.</summary>
    public static string TryTake(string id) => $"pg_try_advisory_xact_lock({Class}, ({id} % {Keys})::int)";
}
