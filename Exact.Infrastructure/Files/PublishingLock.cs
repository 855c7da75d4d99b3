namespace Exact.Infrastructure.Files;

/// <summary>
/// Keeps <see cref="FileCheck"/> from deleting a file that was published a moment ago and whose row is not committed.
/// </summary>
internal static class PublishingLock
{
    /// <summary>"exactfil" in ASCII.</summary>
    private const long Key = 0x6578_6163_7466_696c;

    /// <summary>Held by each transaction that publishes files.</summary>
    public static string Share => $"SELECT pg_advisory_xact_lock_shared({Key})";

    /// <summary>Held by the transaction that deletes files without a row.</summary>
    public static string Take => $"SELECT pg_advisory_xact_lock({Key})";
}
