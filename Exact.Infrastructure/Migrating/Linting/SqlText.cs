using System.Text.RegularExpressions;
using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore.Migrations.Operations;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>
/// Searches raw SQL without parsing it: literals, function bodies and comments are blanked, so that only words of SQL
/// are found.
/// </summary>
internal static partial class SqlText
{
    public static string Quote(string name, string? schema = null) =>
        (schema is null ? "" : $"{SqlIdentifier.Quote(schema)}.") + SqlIdentifier.Quote(name);

    public static string Quote(IEnumerable<string> names) => string.Join(", ", names.Select(name => Quote(name)));

    public static string Literal(string text) => $"'{text.Replace("'", "''")}'";

    /// <summary>Replaces literals, bodies and comments with blanks of the same length.</summary>
    public static string Mask(string sql) =>
        Opaque()
            .Replace(
                sql,
                match =>
                    match.Value[0] is '-' or '/'
                        ? new string(' ', match.Length)
                        : $"'{new string(' ', match.Length - 2)}'"
            );

    /// <summary>The statements, masked, with single spaces.</summary>
    public static IReadOnlyList<string> Statements(SqlOperation operation) =>
        [
            .. Mask(operation.Sql)
                .Split(';', StringSplitOptions.RemoveEmptyEntries)
                .Select(statement => Space().Replace(statement, " ").Trim())
                .Where(statement => statement.Length > 0),
        ];

    /// <summary>The table whose rows a statement changes, as written there, or null.</summary>
    public static string? ChangedTable(string statement)
    {
        var match = Change().Match(statement);
        return match.Success ? match.Groups["table"].Value.Replace("\"", "") : null;
    }

    /// <summary>The functions that an expression calls.</summary>
    public static IEnumerable<string> Calls(string expression) =>
        Call().Matches(Mask(expression)).Select(match => match.Groups["name"].Value);

    /// <summary>The names and keywords in an expression.</summary>
    public static IEnumerable<string> Words(string expression) =>
        Word().Matches(Mask(expression)).Select(match => match.Value);

    public static bool Matches(string statement, string pattern) =>
        Regex.IsMatch(statement, pattern, RegexOptions.IgnoreCase | RegexOptions.CultureInvariant);

    [GeneratedRegex(
        """--[^\n]*|/\*.*?\*/|[eE]?'(?:[^']|'')*'|\$(?<tag>\w*)\$.*?\$\k<tag>\$""",
        RegexOptions.Singleline
    )]
    private static partial Regex Opaque();

    [GeneratedRegex("""(?<name>\w+)"?\s*\(""")]
    private static partial Regex Call();

    [GeneratedRegex("""\w+""")]
    private static partial Regex Word();

    [GeneratedRegex("""\s+""")]
    private static partial Regex Space();

    [GeneratedRegex(
        """
            ^(?:WITH\b.*?\b)?(?:UPDATE(?:\s+ONLY)?|DELETE\s+FROM(?:\s+ONLY)?|MERGE\s+INTO|INSERT\s+INTO(?=.*\bSELECT\b))\s+(?<table>[\w".]+)
            """,
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant
    )]
    private static partial Regex Change();
}
