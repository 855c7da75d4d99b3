using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Exact.Domain;

namespace Exact.Api.Worker;

/// <summary>A metric command's output says something that is no result; the message is for the participant.</summary>
internal sealed class NoResultException(string message) : Exception(message);

/// <summary>Reads the result of a metric from what its command printed: JSON, or the lines of the legacy worker.</summary>
internal static partial class MetricOutput
{
    /// <summary>The score and its standard deviation, which is null if it was not printed.</summary>
    /// <exception cref="NoResultException">There is no result, or it is not a finite number.</exception>
    public static (double Score, double? Std) Read(string output, MetricCommand command, Metric metric)
    {
        var name = MetricCommand.NameOf(metric);
        var isAlone = command.Metrics.Count == 1;
        return FromJson(output, name, isAlone)
            ?? FromLines(output, name)
            ?? throw new NoResultException(
                $"The metric {name} printed no result. Expected is a line such as {{\"{name}_score\": 0.7, "
                    + $"\"{name}_std\": 0.1}}, or {name.ToUpperInvariant()} Mean: 0.7."
            );
    }

    /// <summary>The whole output may be the object, or its last line that is one.</summary>
    private static (double Score, double? Std)? FromJson(string output, string name, bool isAlone)
    {
        foreach (var text in output.Split('\n').Reverse().Prepend(output).Select(line => line.Trim()))
        {
            if (text is not ['{', .., '}'])
            {
                continue;
            }

            // Python prints NaN and Infinity, which are not JSON; as strings they can be told from a fault of the syntax.
            using var json = Parse(NotFinite().Replace(text, "$1\"$2\""));
            if (json is null)
            {
                continue;
            }

            var score = Find(json.RootElement, $"{name}_score") ?? (isAlone ? Find(json.RootElement, "score") : null);
            var std = Find(json.RootElement, $"{name}_std") ?? (isAlone ? Find(json.RootElement, "std") : null);
            if (score is { } found)
            {
                return (NumberOf(found, name, "score"), std is { } deviation ? Deviation(deviation, name) : null);
            }
        }

        return null;
    }

    private static (double Score, double? Std)? FromLines(string output, string name)
    {
        string? mean = null;
        string? std = null;
        foreach (Match line in LegacyLine().Matches(output))
        {
            if (!line.Groups["metric"].Value.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            if (line.Groups["what"].Value.Equals("mean", StringComparison.OrdinalIgnoreCase))
            {
                (mean, std) = (line.Groups["value"].Value, null); // the last pair counts
            }
            else
            {
                std = line.Groups["value"].Value;
            }
        }

        return mean is null
            ? null
            : (NumberOf(mean, name, "score"), std is null ? null : NotNegative(NumberOf(std, name, "std"), name));
    }

    private static double? Deviation(JsonElement value, string name) =>
        value.ValueKind is JsonValueKind.Null ? null : NotNegative(NumberOf(value, name, "std"), name);

    private static double NumberOf(JsonElement value, string name, string what) =>
        value.ValueKind is JsonValueKind.Number && value.TryGetDouble(out var number)
            ? Finite(number, value.GetRawText(), name, what)
            : throw new NoResultException($"The {what} of the metric {name} must be a finite number, not {value}.");

    private static double NumberOf(string text, string name, string what) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            ? Finite(number, text, name, what)
            : throw new NoResultException($"The {what} of the metric {name} must be a finite number, not {text}.");

    private static double Finite(double number, string text, string name, string what) =>
        double.IsFinite(number)
            ? number
            : throw new NoResultException($"The {what} of the metric {name} must be a finite number, not {text}.");

    private static double NotNegative(double std, string name) =>
        std >= 0
            ? std
            : throw new NoResultException($"The std of the metric {name} must not be negative, but is {std:r}.");

    private static JsonElement? Find(JsonElement json, string name) =>
        json.ValueKind is JsonValueKind.Object && json.TryGetProperty(name, out var value) ? value : null;

    private static JsonDocument? Parse(string text)
    {
        try
        {
            return JsonDocument.Parse(text);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    [GeneratedRegex(@"(:\s*)(-?(?:NaN|Infinity))\b")]
    private static partial Regex NotFinite();

    [GeneratedRegex(
        @"\b(?<metric>EMD|IMA)[ \t]+(?<what>Mean|Std)[ \t]*:[ \t]*(?<value>[^\s,;]+)",
        RegexOptions.IgnoreCase
    )]
    private static partial Regex LegacyLine();
}
