namespace Exact.Infrastructure.Database;

/// <summary>What a failure of the database means for the caller.</summary>
internal enum DatabaseFault
{
    /// <summary>
    /// The server cannot be reached, starts, stops or is full of sessions, or the connection was lost.
    /// </summary>
    Away,

    /// <summary>Another session holds a lock, or has changed the same rows.</summary>
    Blocked,

    /// <summary>The server is a standby, or a setting makes its transactions read-only.</summary>
    ReadOnly,

    /// <summary>The disk, the memory or another resource of the server is used up.</summary>
    Full,

    /// <summary>A time limit ended the statement, or somebody cancelled it.</summary>
    TimedOut,

    /// <summary>A constraint, a trigger or the limits of a type reject the data.</summary>
    BadData,

    /// <summary>A right, a table or a setting is wrong, or the server is damaged, so waiting does not help.</summary>
    Unusable,
}
