namespace Exact.Infrastructure.Operations;

/// <summary>The connection was lost during COMMIT, and the server has not said since whether it committed.</summary>
internal sealed class CommitInDoubtException(long id, Exception innerException)
    : Exception(
        $"The connection to PostgreSQL was lost while operation {id} was committed, so it may have changed everything "
            + "or nothing. When the database answers again, the state of the operation says which.",
        innerException
    );
