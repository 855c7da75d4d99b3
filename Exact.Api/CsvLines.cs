using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Exact.Api;

/// <summary>Writes the JSON properties of a type as lines of CSV (RFC 4180).</summary>
/// <remarks>
/// A spreadsheet evaluates a cell that begins with one of <c>= + - @</c>, a tab or a carriage return. Such strings get
/// an apostrophe, as OWASP
/// advises; numbers stay as they are.
/// </remarks>
internal sealed class CsvLines<T>
{
    private static readonly JsonPropertyInfo[] Columns = FindColumns();

    private readonly StringBuilder line = new();

    public byte[] Header() => Join(Columns.Select(column => column.Name));

    public byte[] Line(T row) => Join(Columns.Select(column => Field(column.Get!(row!))));

    private static JsonPropertyInfo[] FindColumns()
    {
        Json.Options.MakeReadOnly(populateMissingResolver: true);
        return [.. Json.Options.GetTypeInfo(typeof(T)).Properties.Where(property => property.Get is not null)];
    }

    private static string Field(object? value) =>
        value switch
        {
            null => "",
            string text => Quote(IsFormula(text) ? $"'{text}" : text),
            _ => JsonSerializer.Serialize(value, Json.Options) is var json and not "null" ? json.Trim('"') : "",
        };

    private static bool IsFormula(string text) => text is ['=' or '+' or '-' or '@' or '\t' or '\r', ..];

    private static string Quote(string text) =>
        text.AsSpan().ContainsAny(",\"\r\n") ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;

    private byte[] Join(IEnumerable<string> fields)
    {
        line.Clear().AppendJoin(',', fields).Append("\r\n");
        return Encoding.UTF8.GetBytes(line.ToString());
    }
}
