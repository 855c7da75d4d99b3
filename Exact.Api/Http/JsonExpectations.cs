using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Exact.Api.Http;

/// <summary>Says what the value of a JSON field has to be.</summary>
internal static class JsonExpectations
{
    /// <summary>What is wrong with the field at this path of a contract, such as <c>rules.daily_limit</c>.</summary>
    public static string Describe(Type contract, string path, JsonSerializerOptions options)
    {
        options.MakeReadOnly(populateMissingResolver: true); // they may not have been used yet
        var type = options.GetTypeInfo(contract);
        foreach (var segment in path.Split('.'))
        {
            var name = segment.Split('[')[0];
            var property = type.Properties.FirstOrDefault(one =>
                string.Equals(one.Name, name, StringComparison.OrdinalIgnoreCase)
            );
            if (property is null)
            {
                return type.Kind is JsonTypeInfoKind.Object
                    ? $"There is no field {name}. The fields are {string.Join(", ", type.Properties.Select(one => one.Name))}."
                    : $"{name} has the wrong type.";
            }

            type = options.GetTypeInfo(property.PropertyType);
            if (segment.Contains('[') && type.ElementType is { } element)
            {
                type = options.GetTypeInfo(element);
            }
        }

        return $"{path} must be {NameOf(Nullable.GetUnderlyingType(type.Type) ?? type.Type, type.Kind)}.";
    }

    private static string NameOf(Type type, JsonTypeInfoKind kind) =>
        type == typeof(DateTimeOffset) ? "a time such as 2031-01-01T00:00:00Z"
        : type == typeof(Guid) ? "a UUID such as 3fa85f64-5717-4562-b3fc-2c963f66afa6"
        : type == typeof(int) ? $"a whole number of at most {int.MaxValue}"
        : type == typeof(long) ? $"a whole number of at most {long.MaxValue}"
        : type == typeof(double) ? "a number"
        : type == typeof(bool) ? "true or false"
        : type == typeof(string) ? "a string of complete Unicode characters"
        : type.IsEnum
            ? $"one of {string.Join(", ", Enum.GetNames(type).Select(JsonNamingPolicy.SnakeCaseLower.ConvertName))}"
        : kind is JsonTypeInfoKind.Enumerable ? "a list"
        : "a JSON object";
}
