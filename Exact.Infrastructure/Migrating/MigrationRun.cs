using System.Diagnostics;

namespace Exact.Infrastructure.Migrating;

/// <summary>One turn under the lock: what was pending, and how long each migration took.</summary>
/// <param name="actor">Who asked for it.</param>
internal sealed class MigrationRun(string actor)
{
    private readonly List<AppliedIn> durations = [];
    private long started;
    private string? current;
    private long currentStarted;
    private Activity? activity;

    public string Actor => actor;

    /// <summary>The migrations were only recorded, because what they make was there.</summary>
    public bool IsAdoption { get; init; }

    public DateTimeOffset StartedAt { get; private set; }

    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(started);

    /// <summary>What was pending under the lock, in order.</summary>
    public IReadOnlyList<string> Pending { get; private set; } = [];

    /// <summary>What has been applied so far, in order.</summary>
    public IEnumerable<string> Applied => durations.Select(applied => applied.Migration);

    public IReadOnlyList<AppliedIn> Durations => durations;

    /// <summary>Which of <see cref="Pending"/> is being applied, from 1.</summary>
    public int Number => durations.Count + 1;

    /// <summary>The migration that failed and why, or null.</summary>
    public string? Error { get; private set; }

    /// <summary>The lock is held, and this is to be done.</summary>
    public void Start(IReadOnlyList<string> pending)
    {
        Pending = pending;
        StartedAt = DateTimeOffset.UtcNow;
        started = Stopwatch.GetTimestamp();
    }

    /// <summary>EF goes on to a migration only when the one before it is committed.</summary>
    public void Begin(string migration)
    {
        Finish();
        current = migration;
        currentStarted = Stopwatch.GetTimestamp();
        activity = Telemetry.StartMigration(migration);
    }

    public void Finish()
    {
        if (current is not null)
        {
            var duration = Stopwatch.GetElapsedTime(currentStarted);
            durations.Add(new AppliedIn(current, duration.TotalSeconds));
            if (!IsAdoption)
            {
                Telemetry.Applied(current, duration);
            }

            activity?.Dispose();
            current = null;
        }
    }

    public void Fail(string reason)
    {
        Error = current is null ? reason : $"{current}: {reason}";
        activity?.SetStatus(ActivityStatusCode.Error, reason);
        activity?.Dispose();
    }

    /// <param name="Migration">The migration's id.</param>
    /// <param name="Seconds">How long it took.</param>
    internal sealed record AppliedIn(string Migration, double Seconds);
}
