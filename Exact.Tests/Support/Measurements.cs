using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Exact.Infrastructure;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Tests.Support;

/// <summary>Listens to Exact's metrics of one service, which shares the process with others.</summary>
internal sealed class Measurements : IDisposable
{
    private readonly MeterListener listener = new();
    private readonly ConcurrentQueue<(string Series, double Value)> all = new();

    public Measurements(IServiceProvider services)
    {
        var factory = services.GetRequiredService<IMeterFactory>();
        listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == Telemetry.Name && ReferenceEquals(instrument.Meter.Scope, factory))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((one, value, tags, _) => Note(one, value, tags));
        listener.SetMeasurementEventCallback<int>((one, value, tags, _) => Note(one, value, tags));
        listener.SetMeasurementEventCallback<double>((one, value, tags, _) => Note(one, value, tags));
        listener.Start();
    }

    /// <summary>What was recorded under a name and the values of its tags, such as <c>exact.sign_ins failed</c>.</summary>
    public IReadOnlyList<double> Of(string series) =>
        [.. all.Where(one => one.Series == series).Select(one => one.Value)];

    public double Sum(string series) => Of(series).Sum();

    public void Dispose() => listener.Dispose();

    private void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        all.Enqueue((string.Join(' ', [instrument.Name, .. tags.ToArray().Select(tag => $"{tag.Value}")]), value));
}
