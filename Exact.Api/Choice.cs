using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Exact.Api;

/// <summary>
/// An enum in a query, in the same snake_case as in JSON: minimal APIs would take <c>Emd</c> and refuse <c>emd</c>.
/// </summary>
internal readonly record struct Choice<T>(T Value) : IParsable<Choice<T>>
    where T : struct, Enum
{
    private static readonly Dictionary<string, T> Values = Enum.GetValues<T>()
        .ToDictionary(value => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()));

    public static IReadOnlyCollection<string> Names => Values.Keys;

    public static Choice<T> Parse(string s, IFormatProvider? provider) =>
        TryParse(s, provider, out var choice)
            ? choice
            : throw new FormatException($"\"{s}\" is none of: {string.Join(", ", Names)}.");

    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out Choice<T> result)
    {
        var found = Values.TryGetValue(s ?? "", out var value);
        result = new(value);
        return found;
    }
}

internal static class Choice
{
    /// <summary>The choice that was made; the enum's first member if none was.</summary>
    public static T OrDefault<T>(this Choice<T>? choice)
        where T : struct, Enum => choice?.Value ?? default;

    /// <summary>What the query may say for a parameter of a <see cref="Choice{T}"/> type; null for another type.</summary>
    public static IReadOnlyCollection<string>? NamesOf(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Choice<>)
            ? (IReadOnlyCollection<string>)type.GetProperty(nameof(Choice<DayOfWeek>.Names))!.GetValue(null)!
            : null;
}
