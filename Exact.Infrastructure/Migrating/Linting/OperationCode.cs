using System.Collections;
using System.Globalization;
using System.Reflection;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.EntityFrameworkCore.Migrations.Operations;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>
/// Writes an operation as a call of <see cref="MigrationBuilder"/>, whose parameters are named after what they set. EF
/// Core's own writer is in its design package.
/// </summary>
internal static class OperationCode
{
    private static readonly Dictionary<Type, string> Keywords = new()
    {
        [typeof(string)] = "string",
        [typeof(bool)] = "bool",
        [typeof(short)] = "short",
        [typeof(int)] = "int",
        [typeof(long)] = "long",
        [typeof(double)] = "double",
        [typeof(decimal)] = "decimal",
        [typeof(byte[])] = "byte[]",
    };

    /// <summary>Names an operation in a report.</summary>
    public static string Describe(MigrationOperation operation)
    {
        if (operation is SqlOperation sql)
        {
            var text = string.Join(' ', sql.Sql.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
            return $"Sql {(text.Length > 80 ? text[..80] + "…" : text)}";
        }

        var name = Find(operation, "Name") as string;
        var table = operation is TableOperation ? null : Find(operation, "Table") as string;
        return string.Join(' ', new[] { Verb(operation), name, table is null ? null : $"on {table}" }.OfType<string>());
    }

    /// <summary>Writes the call, or a comment if only the generated code can express it.</summary>
    public static string Write(MigrationOperation operation) =>
        operation is SqlOperation sql ? WriteSql(sql) : WriteCall(operation);

    public static string Literal(object value) =>
        value switch
        {
            string text => $"\"{text.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n")}\"",
            bool flag => flag ? "true" : "false",
            long number => $"{number}L",
            decimal number => string.Create(CultureInfo.InvariantCulture, $"{number}m"),
            double number => string.Create(CultureInfo.InvariantCulture, $"{number:R}d"),
            Enum member => $"{member.GetType().Name}.{member}",
            Type type => $"typeof({TypeName(type)})",
            Guid guid => $"new Guid(\"{guid}\")",
            DateTime time => $"DateTime.Parse(\"{time:O}\", null, DateTimeStyles.RoundtripKind)",
            DateTimeOffset time => $"DateTimeOffset.Parse(\"{time:O}\")",
            Array items => $"new[] {{ {string.Join(", ", items.Cast<object>().Select(Literal))} }}",
            _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
        };

    public static string TypeName(Type type) => Keywords.GetValueOrDefault(type, type.Name);

    private static string WriteSql(SqlOperation operation)
    {
        var sql = operation.Sql.ReplaceLineEndings("\n").Trim().Replace("\n", "\n    ");
        var tail = operation.SuppressTransaction ? ",\n    suppressTransaction: true" : "";
        return $"migrationBuilder.Sql(\n    \"\"\"\n    {sql}\n    \"\"\"{tail}\n);";
    }

    private static string WriteCall(MigrationOperation operation)
    {
        var call = typeof(MigrationBuilder)
            .GetMethods()
            .Where(method => method.Name == Verb(operation))
            .Select(method => (method, arguments: Arguments(method, operation)))
            .Where(call => call.arguments is not null)
            .OrderByDescending(call => call.arguments!.Count)
            .FirstOrDefault();
        if (call.method is null)
        {
            return $"// {Describe(operation)}, as it was generated";
        }

        var type = call.method.IsGenericMethod ? $"<{TypeName((Type)Find(operation, "ClrType")!)}>" : "";
        var annotations = Annotations("Annotation", operation)
            .Concat(Old(operation) is { } old ? Annotations("OldAnnotation", old) : []);
        return $"migrationBuilder.{Verb(operation)}{type}({string.Join(", ", call.arguments!)}){string.Concat(annotations)};";
    }

    /// <summary>The arguments that are not defaults; null if this overload cannot express the operation.</summary>
    private static List<string>? Arguments(MethodInfo method, MigrationOperation operation)
    {
        var arguments = new List<string>();
        foreach (var parameter in method.GetParameters())
        {
            var value = Value(parameter, operation);
            if (Equals(value, parameter.HasDefaultValue ? parameter.DefaultValue : null))
            {
                if (!parameter.HasDefaultValue)
                {
                    return null;
                }
            }
            else if (value is Array { Rank: > 1 } or IList and not Array || value is MigrationOperation)
            {
                return null;
            }
            else
            {
                arguments.Add($"{parameter.Name}: {Literal(value!)}");
            }
        }

        return arguments;
    }

    private static object? Value(ParameterInfo parameter, object operation)
    {
        var name = char.ToUpperInvariant(parameter.Name![0]) + parameter.Name[1..];
        if (name.StartsWith("Old", StringComparison.Ordinal))
        {
            return Old(operation) is { } old ? Find(old, name[3..]) : null;
        }

        var many = name.EndsWith("olumn", StringComparison.Ordinal) ? Find(operation, name + "s") : null;
        return many is string[] columns
            ? columns is [var only]
                ? only
                : null
            : Find(operation, name);
    }

    private static IEnumerable<string> Annotations(string method, IReadOnlyAnnotatable annotated) =>
        annotated
            .GetAnnotations()
            .Where(annotation => annotation.Value is not null)
            .Select(annotation => $"\n    .{method}({Literal(annotation.Name)}, {Literal(annotation.Value!)})");

    private static IReadOnlyAnnotatable? Old(object operation) =>
        operation is IAlterMigrationOperation altered ? altered.OldAnnotations : null;

    private static object? Find(object operation, string name)
    {
        var type = operation.GetType();
        return (type.GetProperty(name == "Type" ? "ColumnType" : name) ?? type.GetProperty("Is" + name))?.GetValue(
            operation
        );
    }

    private static string Verb(MigrationOperation operation) =>
        operation.GetType().Name.Replace("Operation", "", StringComparison.Ordinal);
}
