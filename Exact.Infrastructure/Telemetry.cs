using System.Diagnostics;
using System.Diagnostics.Metrics;
using Exact.Infrastructure.Migrating;

namespace Exact.Infrastructure;

/// <summary>Every span and every metric of Exact's own. Times are in seconds, as OpenTelemetry's conventions ask.</summary>
public static class Telemetry
{
    /// <summary>The name of the activity source and of the meter.</summary>
    public const string Name = "Exact";

    private static readonly ActivitySource Source = new(Name, Product.Version);
    private static readonly Meter Meter = new(Name, Product.Version);

    private static readonly Counter<long> MigrationsApplied = Meter.CreateCounter<long>(
        "exact.migrations.applied",
        "{migration}",
        "Migrations that this process has applied"
    );

    private static readonly Histogram<double> MigrationDuration = Meter.CreateHistogram<double>(
        "exact.migrations.duration",
        "s",
        "How long each migration took"
    );

    private static readonly Histogram<double> LockWait = Meter.CreateHistogram<double>(
        "exact.migrations.lock.wait",
        "s",
        "How long this process waited for the migration lock"
    );

    private static readonly Histogram<double> LockHeld = Meter.CreateHistogram<double>(
        "exact.migrations.lock.held",
        "s",
        "How long this process held the migration lock"
    );

    private static readonly Counter<long> MigrationRuns = Meter.CreateCounter<long>(
        "exact.migrations.runs",
        "{run}",
        "Turns under the migration lock, by outcome"
    );

    private static readonly Gauge<int> Pending = Meter.CreateGauge<int>(
        "exact.migrations.pending",
        "{migration}",
        "Migrations that this code knows and the database has not had"
    );

    private static readonly Gauge<int> Unknown = Meter.CreateGauge<int>(
        "exact.migrations.unknown",
        "{migration}",
        "Migrations that the database has had and this code does not know"
    );

    private static readonly Gauge<int> Edited = Meter.CreateGauge<int>(
        "exact.migrations.edited",
        "{migration}",
        "Applied migrations whose SQL is another one now"
    );

    private static readonly Gauge<int> Drift = Meter.CreateGauge<int>(
        "exact.schema.drift",
        "{difference}",
        "Where the catalog is not what the code needs"
    );

    /// <summary>Made by the host's own factory, so that a listener can tell the instances of a process apart.</summary>
    public static Counter<long> CreateRefusedKeys(IMeterFactory meters) =>
        meters
            .Create(Name, Product.Version)
            .CreateCounter<long>(
                "exact.admin.key.refused",
                "{key}",
                "Admin keys that were refused: wrong, or not looked at because too many wrong ones came before"
            );

    internal static Activity? StartMigrate(string actor) =>
        Source.StartActivity("exact.migrate")?.SetTag("exact.actor", actor);

    internal static Activity? StartLockWait() => Source.StartActivity("exact.migrate.lock_wait");

    internal static Activity? StartMigration(string migration) =>
        Source.StartActivity("exact.migration")?.SetTag("exact.migration", migration);

    internal static void Waited(TimeSpan wait) => LockWait.Record(wait.TotalSeconds);

    /// <summary>Until it is disposed of, this process holds the migration lock.</summary>
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

    internal static void Seen(MigrationStatus status)
    {
        Pending.Record(status.Pending.Count);
        Unknown.Record(status.Unknown.Count);
        Edited.Record(status.Applied.Count(migration => migration.IsEdited));
        if (status.Drift is { } drift)
        {
            Drift.Record(drift.Count(finding => !finding.Harmless));
        }
    }

    private sealed class Holding : IDisposable
    {
        private readonly long since = Stopwatch.GetTimestamp();

        public void Dispose() => LockHeld.Record(Stopwatch.GetElapsedTime(since).TotalSeconds);
    }
}
