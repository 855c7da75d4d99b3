using System.Net.Sockets;
using Npgsql;
using static Exact.Infrastructure.Database.DatabaseFault;

namespace Exact.Infrastructure.Database;

/// <summary>Sorts the failures of PostgreSQL, and of the connection to it.</summary>
internal static class PostgresErrors
{
    /// <summary>The fault of each class of SQLSTATE, and of each code that differs from its class.</summary>
    /// <remarks>https://www.postgresql.org/docs/current/errcodes-appendix.html</remarks>
    private static readonly Dictionary<string, DatabaseFault> Faults = new()
    {
        ["00"] = Unusable, // successful completion
        ["01"] = Unusable, // warning
        ["02"] = Unusable, // no data
        ["03"] = Unusable, // SQL statement not yet complete
        ["08"] = Away, // connection exception
        ["09"] = BadData, // triggered action exception
        ["0A"] = Unusable, // feature not supported
        ["0B"] = Unusable, // invalid transaction initiation
        ["0F"] = Unusable, // locator exception
        ["0L"] = Unusable, // invalid grantor
        ["0P"] = Unusable, // invalid role specification
        ["0Z"] = Unusable, // diagnostics exception
        ["10"] = BadData, // XQuery error
        ["20"] = BadData, // case not found, in a trigger
        ["21"] = BadData, // cardinality violation
        ["22"] = BadData, // data exception
        ["23"] = BadData, // integrity constraint violation
        ["24"] = Unusable, // invalid cursor state
        ["25"] = Unusable, // invalid transaction state
        [PostgresErrorCodes.ReadOnlySqlTransaction] = ReadOnly,
        ["25P03"] = TimedOut, // idle-in-transaction session timeout
        ["25P04"] = TimedOut, // transaction timeout, since PostgreSQL 17
        ["26"] = Unusable, // invalid SQL statement name
        ["27"] = BadData, // triggered data change violation
        ["28"] = Unusable, // invalid authorization specification
        ["2B"] = Unusable, // dependent privilege descriptors still exist
        ["2D"] = Unusable, // invalid transaction termination
        ["2F"] = BadData, // SQL routine exception, in a trigger
        ["34"] = Unusable, // invalid cursor name
        ["38"] = BadData, // external routine exception, in a trigger
        ["39"] = BadData, // external routine invocation exception, in a trigger
        ["3B"] = Unusable, // savepoint exception
        ["3D"] = Unusable, // invalid catalog name
        ["3F"] = Unusable, // invalid schema name
        ["40"] = Blocked, // transaction rollback
        [PostgresErrorCodes.TransactionIntegrityConstraintViolation] = BadData,
        [PostgresErrorCodes.StatementCompletionUnknown] = Away,
        ["42"] = Unusable, // syntax error or access rule violation
        ["44"] = BadData, // WITH CHECK OPTION violation
        ["53"] = Full, // insufficient resources
        [PostgresErrorCodes.TooManyConnections] = Away,
        ["54"] = BadData, // program limit exceeded, such as a value that is too long for an index
        ["55"] = Unusable, // object not in prerequisite state
        [PostgresErrorCodes.ObjectInUse] = Blocked,
        [PostgresErrorCodes.LockNotAvailable] = Blocked,
        ["57"] = Away, // operator intervention
        [PostgresErrorCodes.QueryCanceled] = TimedOut,
        [PostgresErrorCodes.DatabaseDropped] = Unusable,
        ["58"] = Unusable, // system error, outside PostgreSQL
        [PostgresErrorCodes.IoError] = Away,
        ["72"] = Blocked, // snapshot too old
        ["F0"] = Unusable, // configuration file error
        ["HV"] = Unusable, // foreign data wrapper error
        ["P0"] = BadData, // PL/pgSQL error, in a trigger
        ["XX"] = Unusable, // internal error, damaged data or index
    };

    /// <summary>The fault behind an exception; null if it is not about the database.</summary>
    public static DatabaseFault? FaultOf(Exception? exception) =>
        exception switch
        {
            // The server has used up its transaction numbers, and refuses writes until VACUUM has run.
            PostgresException { SqlState: "54000", Routine: "GetNewTransactionId" or "GetNewMultiXactId" } => Full,
            PostgresException e => FaultOf(e.SqlState),
            NpgsqlException { InnerException: { } inner } => FaultOf(inner) ?? Unusable,
            NpgsqlException { Message: "No suitable host was found." } => Away, // each of several hosts is away
            NpgsqlException or SettingException => Unusable,
            SocketException or TimeoutException or EndOfStreamException => Away,
            IOException { InnerException: SocketException } => Away,
            AggregateException several => several
                .InnerExceptions.Select(FaultOf)
                .OrderBy(fault => fault ?? Unusable)
                .First(),
            _ => FindIn(exception) is { } wrapped ? FaultOf(wrapped) : null,
        };

    /// <summary>
    /// The failure that libraries have wrapped, EF Core even twice; null if there is none, or if an exception of ours wraps
    /// it, which says itself what is to be done.
    /// </summary>
    public static NpgsqlException? FindIn(Exception? exception) =>
        exception is null || exception.IsOurs()
            ? null
            : exception.InnerException as NpgsqlException ?? FindIn(exception.InnerException);

    /// <summary>
    /// The SQLSTATE behind an exception, or else its fault: what failures of one kind have in common.
    /// </summary>
    public static string KindOf(Exception exception) =>
        (exception.GetBaseException() as PostgresException)?.SqlState ?? $"{FaultOf(exception)}";

    /// <summary>The fault that a SQLSTATE stands for.</summary>
    public static DatabaseFault FaultOf(string sqlState) =>
        Faults.TryGetValue(sqlState, out var fault) || Faults.TryGetValue(sqlState[..2], out fault) ? fault : Unusable;

    /// <summary>
    /// The server cannot be reached, is starting, stopping or full of sessions, or the connection was lost.
    /// </summary>
    public static bool IsServerAway(Exception exception) => FaultOf(exception) is Away;

    /// <summary>The database of the connection string does not exist.</summary>
    public static bool IsDatabaseMissing(Exception exception) =>
        exception is PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName };

    /// <summary>Another session held a lock, or changed the same rows.</summary>
    public static bool IsBlocked(Exception exception) => FaultOf(exception) is Blocked;

    /// <summary>Says which rule rejects the data, and in PostgreSQL's words why.</summary>
    /// <remarks>Without PostgreSQL's detail and the values of its context, which may hold a whole row.</remarks>
    public static string DescribeRejection(this PostgresException e)
    {
        var context = e.Where?.Split('\n')[0].Split(": \"")[0];
        return (
                e.ConstraintName is { } constraint
                    ? $"The data break the constraint {constraint}{(e.TableName is { } table ? $" of the table {table}" : "")}: "
                    : "PostgreSQL rejects the data: "
            )
            + $"{e.MessageText.TrimEnd('.')} ({e.SqlState}{(context is null ? "" : $", {context}")})."
            + (e.Hint is { } hint ? $" {hint}" : "");
    }
}
