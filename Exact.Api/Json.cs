using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Exact.Infrastructure.Transfer.Reading;

namespace Exact.Api;

/// <summary>Exact's JSON, over HTTP and on the command line: names and enums are in snake_case.</summary>
internal static class Json
{
    public static JsonSerializerOptions Options { get; } = Configure(new(JsonSerializerDefaults.Web));

    public static JsonSerializerOptions Indented { get; } = new(Options) { WriteIndented = true };

    public static JsonSerializerOptions Configure(JsonSerializerOptions options)
    {
        options.NumberHandling = JsonNumberHandling.Strict;
        options.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false));
        options.Converters.Add(new NonFiniteAsNull());
        options.Converters.Add(new UtcTime());
        return options;
    }

    /// <summary>Writes NaN and infinity, which JSON lacks, as null. An imported score may be either.</summary>
    private sealed class NonFiniteAsNull : JsonConverter<double>
    {
        public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.GetDouble();

        public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options)
        {
            if (double.IsFinite(value))
            {
                writer.WriteNumberValue(value);
            }
            else
            {
                writer.WriteNullValue();
            }
        }
    }

    /// <summary>Writes every time in UTC, with a Z. A time that is sent without a zone is UTC, as in a fixture.</summary>
    private sealed class UtcTime : JsonConverter<DateTimeOffset>
    {
        public override DateTimeOffset Read(
            ref Utf8JsonReader reader,
            Type typeToConvert,
            JsonSerializerOptions options
        ) =>
            reader.TokenType is JsonTokenType.String
            && FixtureTimestamp.TryParse(Encoding.UTF8.GetBytes(reader.GetString()!), out var microseconds, out _)
                ? new DateTimeOffset(FixtureTimestamp.ToDateTime(microseconds), TimeSpan.Zero)
                : throw new JsonException("Must be a time, such as 2026-12-01T10:00:00Z.");

        public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.UtcDateTime);
    }
}
