using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Exact.Infrastructure.Submissions;

/// <summary>The spans and metrics of submissions: what comes in, what workers do with it, and what waits.</summary>
internal sealed class QueueTelemetry
{
    private readonly Counter<long> accepted;
    private readonly Counter<long> claimed;
    private readonly Counter<long> ended;
    private readonly Counter<long> leasesLost;
    private readonly Counter<long> writesRefused;
    private readonly Histogram<double> wait;
    private readonly Gauge<long> length;
    private readonly Gauge<double> age;

    public QueueTelemetry(IMeterFactory meters)
    {
        var meter = meters.CreateExact();
        accepted = meter.CreateCounter<long>("exact.submissions.accepted", "{submission}", "Accepted submissions");
        claimed = meter.CreateCounter<long>(
            "exact.submissions.claimed",
            "{submission}",
            "Submissions that were given to a worker"
        );
        ended = meter.CreateCounter<long>("exact.submissions.ended", "{submission}", "Evaluations, by outcome");
        leasesLost = meter.CreateCounter<long>(
            "exact.submissions.leases.lost",
            "{lease}",
            "Leases that ended before their worker reported"
        );
        writesRefused = meter.CreateCounter<long>(
            "exact.submissions.writes.refused",
            "{write}",
            "Reports and heartbeats of workers that no longer had the submission"
        );
        wait = meter.CreateHistogram(
            "exact.submissions.wait",
            "s",
            "How long a submission waited until it was first given to a worker",
            tags: null,
            Telemetry.LongTimes
        );
        length = meter.CreateGauge<long>(
            "exact.submissions.queue.length",
            "{submission}",
            "Submissions in the queue, by status; counted up to 10000"
        );
        age = meter.CreateGauge<double>(
            "exact.submissions.queue.age",
            "s",
            "How long the oldest pending submission has waited"
        );
    }

    /// <summary>Begins each series, as <see cref="Operations.OperationTelemetry.StartAtZero"/> does.</summary>
    public void StartAtZero()
    {
        Counter<long>[] plain = [accepted, claimed, leasesLost, writesRefused];
        foreach (var counter in plain)
        {
            counter.Add(0);
        }

        foreach (var outcome in Enum.GetValues<EvaluationOutcome>())
        {
            ended.Add(0, Tag(outcome));
        }
    }

    /// <summary>Starts the span of a submission, which counts as refused unless it is accepted.</summary>
    public static Activity? StartSubmission(string challengeId) =>
        Telemetry
            .Source.StartActivity("exact.submission")
            ?.SetTag("exact.challenge", challengeId)
            .SetTag("outcome", "refused");

    /// <summary>Starts the span of a worker's report, which counts as refused unless it is taken.</summary>
    public static Activity? StartReport(long submission) =>
        Telemetry
            .Source.StartActivity("exact.evaluation.report")
            ?.SetTag("exact.submission", submission)
            .SetTag("outcome", "refused");

    public void Accepted(Activity? span, long submission)
    {
        accepted.Add(1);
        span?.SetTag("exact.submission", submission).SetTag("outcome", "accepted");
    }

    /// <param name="waited">How long the submission waited; null if a worker has had it before.</param>
    /// <param name="isLost">Whether that worker has lost it.</param>
    public void Claimed(TimeSpan? waited, bool isLost)
    {
        claimed.Add(1);
        leasesLost.Add(isLost ? 1 : 0);
        if (waited is { } time)
        {
            wait.Record(time.TotalSeconds);
        }
    }

    /// <summary>A worker's report was taken.</summary>
    /// <param name="span">The span of the report.</param>
    /// <param name="outcome">How the evaluation has ended by it; null if it has ended before, or goes on.</param>
    public void Reported(Activity? span, EvaluationOutcome? outcome)
    {
        if (outcome is { } end)
        {
            ended.Add(1, Tag(end));
        }

        span?.SetTag("outcome", outcome is { } how ? NameOf(how) : "unchanged");
    }

    /// <summary>Evaluations were lost too often.</summary>
    public void GivenUp(long count)
    {
        leasesLost.Add(count);
        ended.Add(count, Tag(EvaluationOutcome.GivenUp));
    }

    public void Refused() => writesRefused.Add(1);

    public void Measured(QueueLength queue)
    {
        length.Record(queue.Pending, new KeyValuePair<string, object?>("status", "pending"));
        length.Record(queue.Running, new KeyValuePair<string, object?>("status", "running"));
        age.Record(queue.Age.TotalSeconds);
    }

    private static KeyValuePair<string, object?> Tag(EvaluationOutcome outcome) => new("outcome", NameOf(outcome));

    private static string NameOf(EvaluationOutcome outcome) =>
        outcome is EvaluationOutcome.GivenUp ? "given_up" : outcome.ToString().ToLowerInvariant();
}

/// <summary>How an evaluation ended.</summary>
internal enum EvaluationOutcome
{
    Completed,

    /// <summary>The method failed.</summary>
    Failed,

    /// <summary>The workers or their machines failed too often.</summary>
    GivenUp,
}

/// <summary>What is in the queue.</summary>
/// <param name="Pending">How many submissions wait.</param>
/// <param name="Running">How many a worker has, or has lost without anybody having noticed.</param>
/// <param name="Age">How long the oldest has waited.</param>
internal sealed record QueueLength(long Pending, long Running, TimeSpan Age);
