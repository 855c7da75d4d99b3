using System.Data.Common;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Npgsql;

namespace Exact.Infrastructure.Database;

/// <summary>
/// Makes PostgreSQL reject a statement from which row security would hide rows; otherwise an export could be incomplete
/// and look complete.
/// </summary>
/// <remarks>
/// The setting <c>row_security = off</c> goes with each statement or transaction, not with the session, because a pool
/// resets its sessions and a pooler changes them.
/// </remarks>
internal static partial class RowSecurity
{
    /// <summary>Precedes a statement in the same command, so that a pooler runs both in the same session.</summary>
    public const string Off = "SET row_security = off;\n";

    /// <summary>The name of a table that the server's message does not name.</summary>
    private const string Unnamed = "a table";

    /// <summary>The table, quoted, whose rows would have been hidden; null for any other failure.</summary>
    public static string? TableOf(Exception? exception) =>
        exception switch
        {
            null => null,
            // The routine does not depend on the server's language. The second one checks rows to be written.
            PostgresException
            {
                SqlState: PostgresErrorCodes.InsufficientPrivilege,
                Routine: "check_enable_rls" or "ExecWithCheckOptions"
            } e => Quoted().Match(e.MessageText) is { Success: true } name
                ? SqlIdentifier.Quote(name.Groups[1].Value)
                : Unnamed,
            _ => TableOf(exception.InnerException),
        };

    /// <summary>The SQL that disables it on a table.</summary>
    public static string Disable(string table) => $"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;";

    [GeneratedRegex("[\"«„“](?:\u00A0)?(.+?)(?:\u00A0)?[\"»“”]")]
    private static partial Regex Quoted();

    /// <summary>Switches it off for EF Core's queries and bulk changes.</summary>
    internal sealed class Interceptor : DbCommandInterceptor
    {
        // Not for SaveChanges, which counts statements, and which fails anyway if the row that it changes is hidden.
        public override DbCommand CommandInitialized(CommandEndEventData eventData, DbCommand result)
        {
            if (
                eventData.CommandSource
                is CommandSource.LinqQuery
                    or CommandSource.FromSqlQuery
                    or CommandSource.ExecuteUpdate
                    or CommandSource.ExecuteDelete
            )
            {
                result.CommandText = Off + result.CommandText;
            }

            return result;
        }
    }
}
