using System.Globalization;
using Microsoft.EntityFrameworkCore.Migrations.Operations;
using static Exact.Infrastructure.Migrating.Linting.SqlText;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>What a column's rows have that nobody gave a value.</summary>
internal static class ColumnDefault
{
    // What PostgreSQL evaluates once and keeps in the catalog. Any other function may be volatile, and then every row is written.
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

    /// <summary>The default as SQL; null: none.</summary>
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

    /// <summary>What EF itself puts into rows that have no value, where the type has such a thing.</summary>
    public static object? Zero(ColumnOperation column) =>
        column.ClrType == typeof(string)
            ? column.ColumnType is "jsonb" or "json"
                ? "{}"
                : ""
            : column.ClrType.IsPrimitive || column.ClrType == typeof(decimal) || column.ClrType == typeof(Guid)
                ? Activator.CreateInstance(column.ClrType)
                : null;

    /// <summary>Whether the default may differ from row to row, so that each has to be written.</summary>
    public static bool IsVolatile(string sql) => Calls(sql).Any(function => !EvaluatedOnce.Contains(function));
}
