using Npgsql;

namespace Exact.Infrastructure.Operations;

/// <summary>Watches whether PostgreSQL gives up waiting for a synchronous standby while this session commits.</summary>
/// <remarks>
/// If the wait is cancelled, the transaction has been committed, and everybody sees it, but a failover may lose it.
/// PostgreSQL reports a success then, with a warning (src/backend/replication/syncrep.c).
/// </remarks>
internal sealed class StandbyConfirmation : IDisposable
{
    /// <summary>Comes before the statement, because a role may hide warnings.</summary>
    public const string BeTold = "SET client_min_messages = warning;";

    private readonly NpgsqlConnection connection;

    public StandbyConfirmation(NpgsqlConnection connection)
    {
        this.connection = connection;
        connection.Notice += Look;
    }

    /// <summary>Whether something was committed that no standby has confirmed.</summary>
    public bool IsMissing { get; private set; }

    /// <exception cref="StandbyMissingException">No standby has confirmed what was committed.</exception>
    public void Demand()
    {
        if (IsMissing)
        {
            throw new StandbyMissingException();
        }
    }

    public void Dispose() => connection.Notice -= Look;

    /// <summary>By the name of the function, because the message is in the language of the server.</summary>
    private void Look(object sender, NpgsqlNoticeEventArgs notice) =>
        IsMissing |= notice.Notice.Routine is "SyncRepWaitForLSN";
}

/// <summary>A transaction was committed, but its synchronous standby has not confirmed it.</summary>
internal sealed class StandbyMissingException() : Exception("The synchronous standby has not confirmed the changes.");
