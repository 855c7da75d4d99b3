using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Exact.Infrastructure.Operations;

/// <summary>The spans and metrics of imports, exports, backups and whatever else the journal runs.</summary>
internal sealed class OperationTelemetry
{
    /// <summary>The kinds that run for a while; the others are changes, which a transaction makes.</summary>
    private static readonly OperationKind[] Running =
    [
        OperationKind.Import,
        OperationKind.Export,
        OperationKind.Backup,
        OperationKind.Verification,
    ];

    private readonly Counter<long> ended;
    private readonly Histogram<double> duration;
    private readonly UpDownCounter<long> running;

    public OperationTelemetry(IMeterFactory meters)
    {
        var meter = meters.CreateExact();
        ended = meter.CreateCounter<long>("exact.operations.ended", "{operation}", "Operations, by kind and outcome");
        duration = meter.CreateHistogram(
            "exact.operations.duration",
            "s",
            "How long each operation took",
            tags: null,
            Telemetry.LongTimes
        );
        running = meter.CreateUpDownCounter<long>(
            "exact.operations.running",
            "{operation}",
            "Operations that this process runs now"
        );
    }

    /// <summary>Begins each series: an alert on an increase does not see the first failure if the series begins with it.</summary>
    public void StartAtZero()
    {
        foreach (var kind in Running)
        {
            running.Add(0, KindOf(kind));
            foreach (var state in Enum.GetValues<OperationState>().Except([OperationState.Running]))
            {
                ended.Add(0, KindOf(kind), OutcomeOf(state));
            }
        }
    }

    /// <summary>Measures an operation until it is disposed.</summary>
    public Measured Start(OperationKind kind, string actor) => new(this, kind, actor);

    private static KeyValuePair<string, object?> KindOf(OperationKind kind) => new("kind", NameOf(kind));

    private static KeyValuePair<string, object?> OutcomeOf(OperationState state) => new("outcome", NameOf(state));

    private static string NameOf<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();

    /// <summary>An operation that is measured. It counts as failed unless it is told otherwise.</summary>
    internal sealed class Measured : IDisposable
    {
        private readonly OperationTelemetry telemetry;
        private readonly OperationKind kind;
        private readonly Activity? span;
        private readonly long since = Stopwatch.GetTimestamp();

        public Measured(OperationTelemetry telemetry, OperationKind kind, string actor)
        {
            (this.telemetry, this.kind) = (telemetry, kind);
            span = Telemetry.Source.StartActivity($"exact.{NameOf(kind)}")?.SetTag("exact.actor", actor);
            telemetry.running.Add(1, KindOf(kind));
        }

        /// <summary>How the operation has ended.</summary>
        public OperationState Outcome { get; set; } = OperationState.Failed;

        /// <summary>Names the entry of the journal.</summary>
        public void Identify(long id) => span?.SetTag("exact.operation", id);

        public void Dispose()
        {
            telemetry.running.Add(-1, KindOf(kind));
            telemetry.ended.Add(1, KindOf(kind), OutcomeOf(Outcome));
            var seconds = Stopwatch.GetElapsedTime(since).TotalSeconds;
            telemetry.duration.Record(seconds, KindOf(kind), OutcomeOf(Outcome));
            if (Outcome is OperationState.Failed)
            {
                span?.SetStatus(ActivityStatusCode.Error);
            }

            span?.SetTag("outcome", NameOf(Outcome)).Dispose();
        }
    }
}
