using System.Data.Common;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Npgsql;

namespace Exact.Infrastructure.Database;

/// <summary>
/// Row security hides rows without a word: an export would be empty and look whole. With <c>row_security</c> off,
/// PostgreSQL refuses a statement from which it would have to hide any.
/// </summary>
/// <remarks>
/// It is switched off with the statement, or in its transaction, and not once for the session: Npgsql's pool resets its
/// sessions, and a pooler gives each transaction another one and refuses the setting as a startup parameter.
/// </remarks>
internal static partial class RowSecurity
{
    /// <summary>Goes before a statement, in the same command, so that a pooler gives both the same session.</summary>
    public const string Off = "SET row_security = off;\n";

    /// <summary>What a table is called whose name the server's message does not give.</summary>
    private const string Unnamed = "a table";

    /// <summary>The table, quoted, from which rows would have been hidden; null if something else went wrong.</summary>
    public static string? TableOf(Exception? exception) =>
        exception switch
        {
            null => null,
            // The routine is the same in every language of the server. The second one is about rows to be written.
            PostgresException
            {
                SqlState: PostgresErrorCodes.InsufficientPrivilege,
                Routine: "check_enable_rls" or "ExecWithCheckOptions"
            } e => Quoted().Match(e.MessageText) is { Success: true } name ? $"\"{name.Groups[1].Value}\"" : Unnamed,
            _ => TableOf(exception.InnerException),
        };

    /// <summary>The SQL that switches it off.</summary>
    public static string Disable(string table) => $"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;";

    [GeneratedRegex("[\"«„“](?:\u00A0)?(.+?)(?:\u00A0)?[\"»“”]")]
    private static partial Regex Quoted();

    /// <summary>Switches it off for what EF Core reads, and for what it changes by a query.</summary>
    internal sealed class Interceptor : DbCommandInterceptor
    {
        public override InterceptionResult<DbDataReader> ReaderExecuting(
            DbCommand command,
            CommandEventData eventData,
            InterceptionResult<DbDataReader> result
        )
        {
            SwitchOff(command, eventData);
            return result;
        }

        public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
            DbCommand command,
            CommandEventData eventData,
            InterceptionResult<DbDataReader> result,
            CancellationToken cancellationToken = default
        )
        {
            SwitchOff(command, eventData);
            return ValueTask.FromResult(result);
        }

        public override InterceptionResult<int> NonQueryExecuting(
            DbCommand command,
            CommandEventData eventData,
            InterceptionResult<int> result
        )
        {
            SwitchOff(command, eventData);
            return result;
        }

        public override ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(
            DbCommand command,
            CommandEventData eventData,
            InterceptionResult<int> result,
            CancellationToken cancellationToken = default
        )
        {
            SwitchOff(command, eventData);
            return ValueTask.FromResult(result);
        }

        // Not for SaveChanges, which counts statements. It reads what it changes first, and finds a hidden row missing.
        private static void SwitchOff(DbCommand command, CommandEventData eventData)
        {
            if (
                eventData.CommandSource
                is CommandSource.LinqQuery
                    or CommandSource.FromSqlQuery
                    or CommandSource.ExecuteUpdate
                    or CommandSource.ExecuteDelete
            )
            {
                command.CommandText = Off + command.CommandText;
            }
        }
    }
}
