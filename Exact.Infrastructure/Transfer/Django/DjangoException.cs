using System.Net.Sockets;
using System.Security.Authentication;
using Npgsql;

namespace Exact.Infrastructure.Transfer.Django;

/// <summary>The live Django database could not be read to its end, so nothing was changed.</summary>
internal sealed class DjangoException : Exception
{
    private const string Lost = "The server or the network went away. Check both, and import again.";

    public DjangoException(DjangoAddress address, string what, string remedy)
        : base($"The Django database {address} {what} {remedy} Nothing was changed.") { }

    public DjangoException(DjangoAddress address, Exception cause)
        : base(
            $"The Django database {address} cannot be read: {Sentence(cause)} {Remedy(cause)} Nothing was changed.",
            cause
        ) { }

    /// <summary>Whether a failure is that of the server, or of the way there.</summary>
    public static bool Explains(Exception exception) =>
        exception
            is NpgsqlException
                or IOException
                or InvalidDataException
                or TimeoutException
                or SocketException
                or AuthenticationException;

    private static string Sentence(Exception cause) => $"{cause.Cause().TrimEnd('.')}.";

    private static string Remedy(Exception cause) =>
        (cause as PostgresException ?? cause.GetBaseException() as PostgresException)?.SqlState switch
        {
            PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
                "Check Username and Password, the passfile, and pg_hba.conf there.",
            PostgresErrorCodes.InvalidCatalogName => "Check Database in the connection string.",
            PostgresErrorCodes.InsufficientPrivilege =>
                "Use a role that may read all rows of Django's tables: GRANT SELECT, and BYPASSRLS under row security.",
            PostgresErrorCodes.LockNotAvailable =>
                "Another session has locked a table there, such as a migration. Import again when it has ended.",
            PostgresErrorCodes.QueryCanceled => "The query was cancelled there. Import again.",
            PostgresErrorCodes.SerializationFailure =>
                "A standby cancels long queries: read from the primary, or set hot_standby_feedback on the standby.",
            PostgresErrorCodes.TooManyConnections => "Wait until a session there has ended, and import again.",
            PostgresErrorCodes.CharacterNotInRepertoire or PostgresErrorCodes.UntranslatableCharacter =>
                "Correct the text there, and import again.",
            { } state when state.StartsWith("08", StringComparison.Ordinal) => Lost,
            { } state when state.StartsWith("57P", StringComparison.Ordinal) => Lost,
            { } => "Remove the cause there, and import again.",
            null when (cause.InnerException ?? cause) is IOException => Lost, // a refused one is a SocketException
            null when cause is InvalidDataException => "Look into the log of the server.",
            null => "Check that the server runs and can be reached from here, and import again.",
        };
}
