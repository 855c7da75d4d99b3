using System.Text.Json;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Exact.Infrastructure.Database;

/// <summary>Stores an enum as the snake_case string that JSON shows: <c>Completed</c> as <c>completed</c>.</summary>
internal sealed class SnakeCaseEnum<T>() : ValueConverter<T, string>(value => Names[value], text => Values[text])
    where T : struct, Enum
{
    private static readonly Dictionary<T, string> Names = Enum.GetValues<T>()
        .ToDictionary(value => value, value => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()));

    private static readonly Dictionary<string, T> Values = Names.ToDictionary(pair => pair.Value, pair => pair.Key);

    /// <summary>Every string that the column may contain.</summary>
    public static IReadOnlyCollection<string> Texts => Values.Keys;
}
