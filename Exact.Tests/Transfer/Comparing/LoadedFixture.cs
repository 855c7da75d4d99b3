using System.Globalization;
using System.Text.Json;

namespace Exact.Tests.Transfer.Comparing;

/// <summary>What one side made of a fixture: rows by table, or the reason why it refused.</summary>
/// <param name="Error">Why it was refused; null if it was loaded.</param>
/// <param name="Rows">The rows as JSON, by table.</param>
internal sealed record LoadedFixture(string? Error, IReadOnlyDictionary<string, string[]>? Rows)
{
    /// <summary>Describes the first value of Django that Exact does not have; null if both are alike.</summary>
    /// <param name="django">The rows in Django, whose columns are compared.</param>
    /// <param name="exact">The rows in Exact.</param>
    /// <param name="began">A time since then is "now": the two sides cannot have the same.</param>
    public static string? Difference(LoadedFixture django, LoadedFixture exact, DateTimeOffset began)
    {
        foreach (var (table, rows) in django.Rows!)
        {
            var others = exact.Rows!.GetValueOrDefault(table, []);
            if (rows.Length != others.Length)
            {
                return $"{table} has {rows.Length} rows in Django, {others.Length} in Exact";
            }

            for (var row = 0; row < rows.Length; row++)
            {
                var left = ColumnsOf(rows[row], began);
                var right = ColumnsOf(others[row], began);
                var column = left.Keys.FirstOrDefault(name => left[name] != right.GetValueOrDefault(name));
                if (column is not null)
                {
                    return $"{table}.{column} is {left[column]} in Django, {right.GetValueOrDefault(column)} in Exact";
                }
            }
        }

        return null;
    }

    private static Dictionary<string, string> ColumnsOf(string row, DateTimeOffset began)
    {
        using var json = JsonDocument.Parse(row);
        return json
            .RootElement.EnumerateObject()
            .ToDictionary(
                column => column.Name,
                column => IsNow(column.Value, began) ? "now" : column.Value.GetRawText()
            );
    }

    private static bool IsNow(JsonElement value, DateTimeOffset began) =>
        value.ValueKind == JsonValueKind.String
        && DateTimeOffset.TryParse(
            value.GetString(),
            CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal,
            out var time
        )
        && time >= began
        && time <= DateTimeOffset.UtcNow;
}
