using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Exact.Infrastructure;
using Exact.Tests.Support;

namespace Exact.Tests.Migrating;

public sealed class TelemetryTests
{
    [Fact]
    public async Task A_start_that_migrates_tells_of_the_wait_the_lock_the_migrations_and_the_outcome()
    {
        var spans = new ConcurrentBag<string>();
        var metrics = new ConcurrentDictionary<string, double>();
        using var activities = new ActivityListener
        {
            ShouldListenTo = source => source.Name == Telemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity => spans.Add(activity.OperationName),
        };
        ActivitySource.AddActivityListener(activities);
        using var meters = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == Telemetry.Name)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        meters.SetMeasurementEventCallback<long>((i, value, _, _) => metrics[i.Name] = value);
        meters.SetMeasurementEventCallback<int>((i, value, _, _) => metrics[i.Name] = value);
        meters.SetMeasurementEventCallback<double>((i, value, _, _) => metrics[i.Name] = value);
        meters.Start();

        await using var app = new ExactApp();
        await app.InitializeAsync();

        Assert.Superset(
            new HashSet<string> { "exact.migrate", "exact.migrate.lock_wait", "exact.migration" },
            spans.ToHashSet()
        );
        Assert.Superset(
            new HashSet<string>
            {
                "exact.migrations.applied",
                "exact.migrations.duration",
                "exact.migrations.lock.wait",
                "exact.migrations.lock.held",
                "exact.migrations.runs",
            },
            metrics.Keys.ToHashSet()
        );
        Assert.Equal(1, metrics["exact.migrations.runs"]);
    }
}
