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
        : exception.GetBaseException() is PostgresException postgres ? postgres.Message
        : exception.Message;
}
