namespace Exact.Infrastructure.Operations;

/// <summary>
/// The connection was lost during COMMIT, and the server has not said since whether it committed; or it did, but its
/// synchronous standby has not confirmed that.
/// </summary>
internal sealed class CommitInDoubtException(long id, Exception innerException)
    : Exception(
        innerException is StandbyMissingException
            ? $"Operation {id} was committed, but the synchronous standby has not confirmed it, so a failover may lose it. "
                + "Bring the standby back, and send the request again if the changes are gone."
            : $"The connection to PostgreSQL was lost while operation {id} was committed, so it may have changed everything "
                + "or nothing. When the database answers again, the state of the operation says which.",
        innerException
    );
