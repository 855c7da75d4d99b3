using Exact.Infrastructure.Database;
using Npgsql;

namespace Exact.Infrastructure;

internal static class ExceptionCause
{
    /// <summary>
    /// Describes the failure to an operator in one line: PostgreSQL's message if a library has wrapped it, or else the
    /// exception's own.
    /// </summary>
    public static string Cause(this Exception exception) =>
        exception.GetType().Namespace?.StartsWith("Exact.", StringComparison.Ordinal) is true ? exception.Message
        : QuotesConnectionString(exception)
            ? "A connection string is not valid. It is not shown, because it may contain a password."
        : RowSecurity.TableOf(exception) is { } table
            ? $"{exception.GetBaseException().Message}. Row security would hide rows. Switch it off: {RowSecurity.Disable(table)}"
        : exception.GetBaseException() is PostgresException postgres ? postgres.Message
        : exception.Message;

    /// <summary>
    /// Whether the message repeats a part of a connection string, as the parsers of ADO.NET and Npgsql do.
    /// </summary>
    private static bool QuotesConnectionString(Exception exception) =>
        exception is ArgumentException { Source: "Npgsql" or "System.Data.Common" }
        || exception.InnerException is { } inner && QuotesConnectionString(inner);
}
