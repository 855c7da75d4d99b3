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
        catch (Exception e) when (MayBeRepeated(e))
        {
            database.ForgetLost(e);
            return await work();
        }
    }

    /// <summary>
    /// Whether a session may succeed at once: the old one was lost, or the password is being changed. A timeout is not
    /// repeated, because the caller has waited long enough.
    /// </summary>
    public static bool MayBeRepeated(Exception exception) =>
        PostgresErrors.FaultOf(exception) is DatabaseFault.Away && exception.GetBaseException() is not TimeoutException
        || IsAboutPassword(exception.GetBaseException());

    /// <summary>
    /// Forgets all sessions if one was lost, or leads to a server that has become a standby. A changed password ends none,
    /// so the others still serve requests.
    /// </summary>
    public static void ForgetLost(this NpgsqlDataSource database, Exception failure)
    {
        if (PostgresErrors.FaultOf(failure) is DatabaseFault.Away or DatabaseFault.ReadOnly)
        {
            database.LookForPrimary();
        }
    }

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

    /// <summary>The server has another password than the file, or the file is just being written.</summary>
    private static bool IsAboutPassword(Exception cause) =>
        cause is PostgresException { SqlState: PostgresErrorCodes.InvalidPassword } or SettingException;

    /// <summary>Forgets the sessions and which server is the primary, so that a promoted one is found.</summary>
    public static void LookForPrimary(this NpgsqlDataSource database)
    {
        (database as NpgsqlMultiHostDataSource)?.ClearDatabaseStates();
        database.Clear();
    }
}
