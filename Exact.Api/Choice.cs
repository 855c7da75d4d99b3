using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Exact.Api;

/// <summary>An enum in a query, named as in JSON. Minimal APIs alone would accept <c>Emd</c> and refuse <c>emd</c>.</summary>
internal readonly record struct Choice<T>(T Value) : IParsable<Choice<T>>
    where T : struct, Enum
{
    private static readonly Dictionary<string, T> Values = Enum.GetValues<T>()
        .ToDictionary(value => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()));

    public static IReadOnlyCollection<string> Names => Values.Keys;

    public static Choice<T> Parse(string s, IFormatProvider? provider) =>
        TryParse(s, provider, out var choice)
            ? choice
            : throw new FormatException($"Must be one of {string.Join(", ", Names)}, not \"{s}\".");

    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out Choice<T> result)
    {
        var found = Values.TryGetValue(s ?? "", out var value);
        result = new(value);
        return found;
    }
}

internal static class Choice
{
    /// <summary>The chosen value; by default the enum's first member.</summary>
    public static T OrDefault<T>(this Choice<T>? choice)
        where T : struct, Enum => choice?.Value ?? default;

    /// <summary>The names that a <see cref="Choice{T}"/> accepts; null for any other type.</summary>
    public static IReadOnlyCollection<string>? NamesOf(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Choice<>)
            ? (IReadOnlyCollection<string>)type.GetProperty(nameof(Choice<DayOfWeek>.Names))!.GetValue(null)!
            : null;
}
