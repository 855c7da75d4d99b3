using System.Globalization;
using System.Text.Json;

namespace Exact.Api.AdminConsole;

/// <summary>Numbers, sizes and times as the pages write them.</summary>
internal static class Show
{
    private static readonly string[] Units = ["bytes", "KiB", "MiB", "GiB", "TiB"];

    public static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    public static string Number(long? number) => number is { } known ? Number(known) : "unknown";

    public static string Count(long number, string one, string? many = null) =>
        $"{Number(number)} {(number == 1 ? one : many ?? $"{one}s")}";

    public static string Bytes(long bytes)
    {
        var (value, unit) = ((double)bytes, 0);
        for (; value >= 1024 && unit < Units.Length - 1; unit++)
        {
            value /= 1024;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{value:0.#} {Units[unit]}");
    }

    public static string Span(TimeSpan span) =>
        span switch
        {
            { TotalSeconds: < 0.0005 } => "0 s",
            { TotalSeconds: < 10 } => string.Create(CultureInfo.InvariantCulture, $"{span.TotalSeconds:0.###} s"),
            { TotalMinutes: < 2 } => $"{span.TotalSeconds:0} s",
            { TotalHours: < 2 } => $"{span.TotalMinutes:0} minutes",
            { TotalDays: < 2 } => $"{span.TotalHours:0} hours",
            _ => $"{span.TotalDays:0} days",
        };

    public static string Seconds(double seconds) => Span(TimeSpan.FromSeconds(seconds));

    public static string Ago(DateTimeOffset at, DateTimeOffset now) =>
        now - at < TimeSpan.FromSeconds(10) ? "just now" : $"{Span(now - at)} ago";

    public static string Time(DateTimeOffset at) =>
        at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    public static string Machine(DateTimeOffset at) => at.UtcDateTime.ToString("s", CultureInfo.InvariantCulture) + "Z";

    /// <summary>The name of an enum's value in words.</summary>
    public static string Name(Enum value) => JsonNamingPolicy.SnakeCaseLower.ConvertName($"{value}").Replace('_', ' ');

    /// <summary>The same at the beginning of a line.</summary>
    public static string Title(Enum value)
    {
        var name = Name(value);
        return $"{char.ToUpperInvariant(name[0])}{name[1..]}";
    }
}
