using System.Security.Authentication;
using Exact.Infrastructure.Database;
using Npgsql;

namespace Exact.Infrastructure;

internal static class ExceptionCause
{
    private const string PoolIsEmpty =
        "All connections of this service are in use. Raise \"Maximum Pool Size\" in the connection string, "
        + "or send fewer requests at the same time.";

    private const string TooMany =
        "Allow more (max_connections of the server, ALTER DATABASE or ALTER ROLE ... CONNECTION LIMIT), or write a smaller "
        + "\"Maximum Pool Size\" into the connection string, so that requests wait for each other.";

    private const string Certificate =
        "If an authority of your own signed the server's certificate, name the authority's certificate with "
        + "\"Root Certificate=FILE\" in the connection string.";

    private const string NoTls =
        "The connection string asks for TLS, which the PostgreSQL server does not offer. Switch it on there, or remove "
        + "\"SSL Mode\" from the connection string.";

    private const string NoGss =
        "The connection string asks for GSS encryption, which cannot be negotiated. Install the Kerberos library "
        + "(libgssapi-krb5-2) and get a ticket for this account (kinit), or remove \"GSS Encryption Mode\".";

    private const string NoPassword =
        "PostgreSQL asks for a password, and the service has none. Set \"Password\" in the connection string, or "
        + "Database:PasswordFile.";

    private const string NoPostgres =
        "What answers there is not PostgreSQL. Check \"Host\" and \"Port\" in the connection string.";

    /// <summary>
    /// Describes the failure to an operator in one line: PostgreSQL's message if a library has wrapped it, or else the
    /// exception's own and the innermost.
    /// </summary>
    public static string Cause(this Exception exception) =>
        exception.IsOurs() ? exception.Message
        : QuotesConnectionString(exception)
            ? "A connection string is not valid. It is not shown, because it may contain a password."
        : RowSecurity.TableOf(exception) is { } table
            ? $"{exception.GetBaseException().Message}. Row security would hide rows. Switch it off: {RowSecurity.Disable(table)}"
        : exception.GetBaseException() is PostgresException postgres
            ? $"{postgres.MessageText} ({postgres.SqlState}).{AdviceOn(postgres)}"
        : exception is not NpgsqlException && PostgresErrors.FindIn(exception) is { } wrapped ? wrapped.Cause()
        : exception is NpgsqlException ? CauseOf(exception)
        : exception.Message;

    private static string AdviceOn(PostgresException failure) =>
        failure.SqlState is PostgresErrorCodes.TooManyConnections ? $" {TooMany}" : "";

    /// <summary>Whether the exception is one of this project, whose message is meant for operators.</summary>
    public static bool IsOurs(this Exception exception) =>
        exception.GetType().Namespace?.StartsWith("Exact.", StringComparison.Ordinal) is true;

    private static string CauseOf(Exception exception)
    {
        var innermost = exception.GetBaseException();
        var text = exception.Message.TrimEnd('.');
        return innermost.IsOurs() ? innermost.Message
            : text.StartsWith("The connection pool has been exhausted", StringComparison.Ordinal) ? PoolIsEmpty
            : text.Contains("GSS encryption", StringComparison.Ordinal) ? NoGss
            : text.Contains("SSL handshake", StringComparison.Ordinal)
                ? $"The TLS connection to PostgreSQL failed: {CauseOfTls(innermost)}. {Certificate}"
            : innermost is TimeoutException && IsOfStream(text) ? "PostgreSQL did not answer in time."
            : IsOfStream(text) ? $"The connection to PostgreSQL was lost: {innermost.Message.TrimEnd('.')}."
            : text.StartsWith("SSL connection requested", StringComparison.Ordinal) ? NoTls
            : text.StartsWith("No password has been provided", StringComparison.Ordinal) ? NoPassword
            : text.StartsWith("Received unknown response", StringComparison.Ordinal) ? NoPostgres
            : text.Contains(innermost.Message.TrimEnd('.'), StringComparison.Ordinal) ? $"{text}."
            : $"{text}: {innermost.Message.TrimEnd('.')}.";
    }

    private static bool IsOfStream(string text) =>
        text is "Exception while reading from stream" or "Exception while writing to stream";

    /// <summary>.NET names only the callback that Npgsql has passed to it.</summary>
    private static string CauseOfTls(Exception innermost) =>
        innermost is AuthenticationException && innermost.Message.Contains("Callback", StringComparison.Ordinal)
            ? "no trusted authority signed the server's certificate, or it is for another host name"
            : innermost.Message.TrimEnd('.');

    /// <summary>
    /// Whether the message repeats a part of a connection string, as the parsers of ADO.NET and Npgsql do.
    /// </summary>
    private static bool QuotesConnectionString(Exception exception) =>
        exception is ArgumentException { Source: "Npgsql" or "System.Data.Common" }
        || exception.InnerException is { } inner && QuotesConnectionString(inner);
}
