using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Exact.Infrastructure;

/// <summary>The source of Exact's spans and metrics, and those of the migrator.</summary>
/// <remarks>
/// Every other subject has a class beside it: <c>OperationTelemetry</c>, <c>QueueTelemetry</c> and
/// <c>SignInTelemetry</c>. docs/telemetry.md lists all names. Times are in seconds, by OpenTelemetry's conventions.
/// </remarks>
public static class Telemetry
{
    /// <summary>The name of the activity source and of the meter.</summary>
    public const string Name = "Exact";

    internal static readonly ActivitySource Source = new(Name, Product.Version);

    /// <summary>From a tenth of a second to hours; the default boundaries are made for milliseconds.</summary>
    internal static readonly InstrumentAdvice<double> LongTimes = new()
    {
        HistogramBucketBoundaries = [0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600, 14_400],
    };

    private static readonly Meter Meter = new(Name, Product.Version);

    private static readonly Counter<long> MigrationsApplied = Meter.CreateCounter<long>(
        "exact.migrations.applied",
        "{migration}",
        "Migrations that this process has applied"
    );

    private static readonly Histogram<double> MigrationDuration = Meter.CreateHistogram<double>(
        "exact.migrations.duration",
        "s",
        "How long each migration took",
        tags: null,
        LongTimes
    );

    private static readonly Histogram<double> LockWait = Meter.CreateHistogram<double>(
        "exact.migrations.lock.wait",
        "s",
        "How long this process waited for the migration lock",
        tags: null,
        LongTimes
    );

    private static readonly Histogram<double> LockHeld = Meter.CreateHistogram<double>(
        "exact.migrations.lock.held",
        "s",
        "How long this process held the migration lock",
        tags: null,
        LongTimes
    );

    private static readonly Counter<long> MigrationRuns = Meter.CreateCounter<long>(
        "exact.migrations.runs",
        "{run}",
        "Migration runs, by outcome"
    );

    private static readonly Gauge<int> Pending = Meter.CreateGauge<int>(
        "exact.migrations.pending",
        "{migration}",
        "Migrations of this code that are not applied"
    );

    private static readonly Gauge<int> Unknown = Meter.CreateGauge<int>(
        "exact.migrations.unknown",
        "{migration}",
        "Applied migrations that this code does not have"
    );

    private static readonly Gauge<int> Edited = Meter.CreateGauge<int>(
        "exact.migrations.edited",
        "{migration}",
        "Applied migrations whose SQL has changed since"
    );

    private static readonly Gauge<int> Drift = Meter.CreateGauge<int>(
        "exact.schema.drift",
        "{difference}",
        "Harmful differences between the catalog and the model"
    );

    /// <summary>The meter of one host, so that a listener can distinguish several hosts in a process.</summary>
    internal static Meter CreateExact(this IMeterFactory meters) => meters.Create(Name, Product.Version);

    /// <summary>
    /// Creates the counter with the host's factory, so that a listener can distinguish several hosts in a process.
    /// </summary>
    public static Counter<long> CreateRefusedKeys(IMeterFactory meters) =>
        meters
            .CreateExact()
            .CreateCounter<long>(
                "exact.admin.key.refused",
                "{key}",
                "Admin keys that were refused: wrong ones, and any others after too many wrong ones"
            );

    internal static Activity? StartMigrate(string actor) =>
        Source.StartActivity("exact.migrate")?.SetTag("exact.actor", actor);

    internal static Activity? StartLockWait() => Source.StartActivity("exact.migrate.lock_wait");

    internal static Activity? StartMigration(string migration) =>
        Source.StartActivity("exact.migration")?.SetTag("exact.migration", migration);

    internal static void Waited(TimeSpan wait) => LockWait.Record(wait.TotalSeconds);

    /// <summary>Measures, until it is disposed, how long this process holds the migration lock.</summary>
    internal static IDisposable StartHolding() => new Holding();

    internal static void Applied(string migration, TimeSpan duration)
    {
        MigrationsApplied.Add(1);
        MigrationDuration.Record(
            duration.TotalSeconds,
            new KeyValuePair<string, object?>("exact.migration", migration)
        );
    }

    internal static void RunEnded(bool succeeded) =>
        MigrationRuns.Add(1, new KeyValuePair<string, object?>("outcome", succeeded ? "succeeded" : "failed"));

    internal static void StatusRead(int pending, int unknown, int edited)
    {
        Pending.Record(pending);
        Unknown.Record(unknown);
        Edited.Record(edited);
    }

    internal static void DriftRead(int differences) => Drift.Record(differences);

    private sealed class Holding : IDisposable
    {
        private readonly long since = Stopwatch.GetTimestamp();

        public void Dispose() => LockHeld.Record(Stopwatch.GetElapsedTime(since).TotalSeconds);
    }
}
