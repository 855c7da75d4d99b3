using Exact.Domain;

namespace Exact.Api.Worker;

/// <summary>What the command line of a worker says.</summary>
internal sealed record WorkerSettings
{
    /// <summary>The name that the server shows.</summary>
    public required string Name { get; init; }

    public required IReadOnlyList<MetricCommand> Commands { get; init; }

    /// <summary>How long each command may run.</summary>
    public required TimeSpan Timeout { get; init; }

    /// <summary>The folder for the scratch folders.</summary>
    public required string Folder { get; init; }

    public IReadOnlyList<Metric> Metrics => [.. Commands.SelectMany(command => command.Metrics)];
}
