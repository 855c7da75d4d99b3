using System.Globalization;
using Microsoft.EntityFrameworkCore.Migrations.Operations;
using static Exact.Infrastructure.Migrating.Linting.SqlText;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>The default of a column: its value in rows that set none.</summary>
internal static class ColumnDefault
{
    // PostgreSQL evaluates these once and keeps the value in the catalog. Any other function may be volatile and
    // rewrite every row.
    private static readonly HashSet<string> EvaluatedOnce = new(StringComparer.OrdinalIgnoreCase)
    {
        "now",
        "transaction_timestamp",
        "statement_timestamp",
        "current_setting",
        "to_char",
        "date_trunc",
        "make_interval",
        "jsonb_build_object",
        "jsonb_build_array",
        "timezone",
        "lower",
        "upper",
        "coalesce",
        "numeric",
        "varchar",
        "char",
        "timestamp",
        "timestamptz",
        "time",
        "interval",
    };

    /// <summary>The default as SQL, or null.</summary>
    public static string? Of(ColumnOperation column) =>
        column.DefaultValueSql ?? (column.DefaultValue is { } value ? Constant(value) : null);

    private static string Constant(object value) =>
        value switch
        {
            bool flag => flag ? "true" : "false",
            DateTime time => Literal(time.ToString("O", CultureInfo.InvariantCulture)),
            DateTimeOffset time => Literal(time.ToString("O", CultureInfo.InvariantCulture)),
            byte or short or int or long or float or double or decimal => Convert.ToString(
                value,
                CultureInfo.InvariantCulture
            )!,
            _ => Literal(Convert.ToString(value, CultureInfo.InvariantCulture)!),
        };

    /// <summary>The value that EF Core itself writes into existing rows; null if the type has none.</summary>
    public static object? Zero(ColumnOperation column) =>
        column.ClrType == typeof(string)
            ? column.ColumnType is "jsonb" or "json"
                ? "{}"
                : ""
            : column.ClrType.IsPrimitive || column.ClrType == typeof(decimal) || column.ClrType == typeof(Guid)
                ? Activator.CreateInstance(column.ClrType)
                : null;

    /// <summary>Whether the default may differ from row to row, which rewrites the table.</summary>
    public static bool IsVolatile(string sql) => Calls(sql).Any(function => !EvaluatedOnce.Contains(function));
}
