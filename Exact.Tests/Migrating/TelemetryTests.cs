using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Exact.Infrastructure;
using Exact.Tests.Support;
using Microsoft.EntityFrameworkCore;

namespace Exact.Tests.Migrating;

public sealed class TelemetryTests(MigratedDatabase migrated) : IClassFixture<MigratedDatabase>
{
    [Fact]
    public async Task A_start_that_migrates_tells_of_the_wait_the_lock_the_migrations_and_the_outcome()
    {
        // Other instances of this process migrate meanwhile. What this one does belongs to the trace that begins here.
        using var trace = new Activity("test");
        trace.Start();
        bool IsOurs() => Activity.Current?.TraceId == trace.TraceId;

        var spans = new ConcurrentBag<(string Name, object? Migration)>();
        var metrics = new ConcurrentBag<(string Name, double Value, string Tags)>();
        using var activities = new ActivityListener
        {
            ShouldListenTo = source => source.Name == Telemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                if (activity.TraceId == trace.TraceId)
                {
                    spans.Add((activity.OperationName, activity.GetTagItem("exact.migration")));
                }
            },
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
        void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            if (IsOurs())
            {
                metrics.Add((instrument.Name, value, string.Join(' ', tags.ToArray().Select(tag => tag.Value))));
            }
        }

        meters.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        meters.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
        meters.Start();

        await using var app = new ExactApp(new MissingDatabase());
        await app.InitializeAsync();

        await using var context = migrated.CreateContext();
        var migrations = context.Database.GetMigrations().Order().ToList();
        string[] TagsOf(string metric) => [.. metrics.Where(m => m.Name == metric).Select(m => m.Tags).Order()];
        Assert.Equal(migrations, spans.Where(s => s.Name == "exact.migration").Select(s => $"{s.Migration}").Order());
        Assert.Single(spans, span => span.Name == "exact.migrate");
        Assert.Single(spans, span => span.Name == "exact.migrate.lock_wait");
        Assert.Equal(migrations.Count, metrics.Where(m => m.Name == "exact.migrations.applied").Sum(m => m.Value));
        Assert.Equal(migrations, TagsOf("exact.migrations.duration"));
        Assert.Equal(["succeeded"], TagsOf("exact.migrations.runs"));
        Assert.Single(TagsOf("exact.migrations.lock.wait"));
        Assert.Single(TagsOf("exact.migrations.lock.held"));
        Assert.All(metrics, metric => Assert.True(metric.Value >= 0, $"{metric}"));
    }
}
