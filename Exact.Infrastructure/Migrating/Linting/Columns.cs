using Microsoft.EntityFrameworkCore.Migrations.Operations;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>Helpers of the rules for columns.</summary>
internal static class Columns
{
    /// <summary>Copies a column without its default or its generated value.</summary>
    public static AddColumnOperation Bare(ColumnOperation column, bool nullable) =>
        new()
        {
            Name = column.Name,
            Schema = column.Schema,
            Table = column.Table,
            ClrType = column.ClrType,
            ColumnType = column.ColumnType,
            MaxLength = column.MaxLength,
            Precision = column.Precision,
            Scale = column.Scale,
            Collation = column.Collation,
            Comment = column.Comment,
            IsNullable = nullable,
        };

    /// <summary>The name of the property that EF Core maps to the column.</summary>
    public static string Property(string column) =>
        string.Concat(
            column
                .Split('_', StringSplitOptions.RemoveEmptyEntries)
                .Select(word => char.ToUpperInvariant(word[0]) + word[1..])
        );

    public static ColumnType TypeOf(ColumnOperation column) => ColumnType.Parse(StoreType(column));

    /// <summary>Its type as SQL; a migration written by hand may leave the type to the provider.</summary>
    public static string StoreType(ColumnOperation column) =>
        column.ColumnType
        ?? (Nullable.GetUnderlyingType(column.ClrType) ?? column.ClrType) switch
        {
            var type when type == typeof(string) => column.MaxLength is { } length ? $"varchar({length})" : "text",
            var type when type == typeof(int) => "integer",
            var type when type == typeof(long) => "bigint",
            var type when type == typeof(short) => "smallint",
            var type when type == typeof(bool) => "boolean",
            var type when type == typeof(double) => "double precision",
            var type when type == typeof(decimal) && column.Precision is { } precision =>
                $"numeric({precision},{column.Scale ?? 0})",
            var type when type == typeof(decimal) => "numeric",
            var type when type == typeof(Guid) => "uuid",
            var type when type == typeof(DateTime) || type == typeof(DateTimeOffset) => "timestamptz",
            var type => type.Name,
        };
}
