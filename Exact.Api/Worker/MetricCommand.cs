using System.Diagnostics.CodeAnalysis;
using Exact.Domain;

namespace Exact.Api.Worker;

/// <summary>A command that measures, as <c>--metric NAME=COMMAND</c> names it.</summary>
/// <param name="Metrics">What it measures: one metric, or both.</param>
/// <param name="Command">The line for the shell.</param>
internal sealed record MetricCommand(IReadOnlyList<Metric> Metrics, string Command)
{
    /// <summary>The names of its metrics, as in JSON.</summary>
    public string Name => string.Join(',', Metrics.Select(NameOf));

    public static string NameOf(Metric metric) => metric is Metric.Emd ? "emd" : "ima";

    /// <summary>Reads <c>emd=COMMAND</c>, <c>ima=COMMAND</c> or <c>emd,ima=COMMAND</c>.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out MetricCommand? command)
    {
        command = null;
        if (text.IndexOf('=') is not (> 0 and var equals) || string.IsNullOrWhiteSpace(text[(equals + 1)..]))
        {
            return false;
        }

        var metrics = new List<Metric>();
        foreach (var name in text[..equals].Split(','))
        {
            if (!Choice<Metric>.TryParse(name.Trim(), null, out var metric) || metrics.Contains(metric.Value))
            {
                return false;
            }

            metrics.Add(metric.Value);
        }

        command = new(metrics, text[(equals + 1)..].Trim());
        return true;
    }
}
