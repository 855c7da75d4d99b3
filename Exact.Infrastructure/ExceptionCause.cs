using Exact.Infrastructure.Database;
using Npgsql;

namespace Exact.Infrastructure;

internal static class ExceptionCause
{
    /// <summary>
    /// The one line that an operator needs: what PostgreSQL said where a library has wrapped it, else the exception's own
    /// message, which is complete where we wrote it.
    /// </summary>
    public static string Cause(this Exception exception) =>
        exception.GetType().Namespace?.StartsWith("Exact.", StringComparison.Ordinal) is true ? exception.Message
        : QuotesConnectionString(exception)
            ? "A connection string is not valid. It is not shown, because it may hold a password."
        : RowSecurity.TableOf(exception) is { } table
            ? $"{exception.GetBaseException().Message}. Row security would hide rows: {RowSecurity.Disable(table)}"
        : exception.GetBaseException() is PostgresException postgres ? postgres.Message
        : exception.Message;

    /// <summary>The parsers of ADO.NET and of Npgsql repeat what they do not understand.</summary>
    private static bool QuotesConnectionString(Exception exception) =>
        exception is ArgumentException { Source: "Npgsql" or "System.Data.Common" }
        || exception.InnerException is { } inner && QuotesConnectionString(inner);
}
