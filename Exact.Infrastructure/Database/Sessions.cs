using Npgsql;

namespace Exact.Infrastructure.Database;

/// <summary>Replaces the sessions of a pool when they are of no use any more.</summary>
internal static class Sessions
{
    private const int ShortCommandSeconds = 30;

    /// <summary>Does the work, and once more with new sessions if the first one was lost.</summary>
    /// <param name="database">The pool.</param>
    /// <param name="work">The work. It must be possible to repeat it.</param>
    public static async Task<T> TryTwiceAsync<T>(this NpgsqlDataSource database, Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (Exception e) when (AreLost(e))
        {
            database.Clear();
            return await work();
        }
    }

    /// <summary>
    /// Whether a new session may succeed at once: the old one was lost, or the password has been changed. A timeout is
    /// not repeated, because the caller has waited long enough.
    /// </summary>
    public static bool AreLost(Exception exception) =>
        PostgresErrors.FaultOf(exception) is DatabaseFault.Away && exception.GetBaseException() is not TimeoutException
        || exception.GetBaseException() is PostgresException { SqlState: PostgresErrorCodes.InvalidPassword };

    /// <summary>
    /// A command that must not take long. Others on the service's connections have no time limit, because Npgsql would
    /// apply it to a COPY, too, and to a COMMIT that waits for its standby.
    /// </summary>
    public static NpgsqlCommand CreateShortCommand(this NpgsqlDataSource database, string sql)
    {
        var command = database.CreateCommand(sql);
        command.CommandTimeout = ShortCommandSeconds;
        return command;
    }

    /// <summary>Forgets the sessions and which server is the primary, so that a promoted one is found.</summary>
    public static void LookForPrimary(this NpgsqlDataSource database)
    {
        (database as NpgsqlMultiHostDataSource)?.ClearDatabaseStates();
        database.Clear();
    }
}
