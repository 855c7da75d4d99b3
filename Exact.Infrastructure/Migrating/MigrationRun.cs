using System.Diagnostics;

namespace Exact.Infrastructure.Migrating;

/// <summary>What came of one call to migrate, over all its turns: what was applied, how long each took, and why it ended.</summary>
/// <param name="actor">Who asked for it.</param>
internal sealed class MigrationRun(string actor)
{
    private readonly List<AppliedIn> durations = [];
    private long started;
    private string? current;
    private long currentStarted;
    private Activity? activity;
    private (int Applied, long Since)? trouble;
    private bool hasEnded;

    public string Actor => actor;

    /// <summary>The migrations were only recorded, because what they make was there.</summary>
    public bool IsAdoption { get; init; }

    /// <summary>The lock was held, and something was to be done.</summary>
    public bool HasStarted => started != 0;

    public DateTimeOffset StartedAt { get; private set; }

    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(started);

    /// <summary>What has been applied so far, in order.</summary>
    public IReadOnlyList<string> Applied => [.. durations.Select(applied => applied.Migration)];

    public IReadOnlyList<AppliedIn> Durations => durations;

    /// <summary>Which of <see cref="Total"/> is being applied, from 1.</summary>
    public int Number => durations.Count + 1;

    /// <summary>How many there are to apply.</summary>
    public int Total { get; private set; }

    /// <summary>The last migration of those after which it seeded, or null.</summary>
    public string? Seeded { get; private set; }

    /// <summary>The migration that failed and why, or null.</summary>
    public string? Error { get; private set; }

    /// <summary>The lock is held, and this is to be done.</summary>
    public void Start(IReadOnlyList<string> pending)
    {
        Total = durations.Count + pending.Count;
        if (!HasStarted)
        {
            StartedAt = DateTimeOffset.UtcNow;
            started = Stopwatch.GetTimestamp();
        }
    }

    /// <summary>EF goes on to a migration only when the one before it is committed.</summary>
    public void Begin(string migration)
    {
        Finish();
        current = migration;
        currentStarted = Stopwatch.GetTimestamp();
        activity = Telemetry.StartMigration(migration);
    }

    /// <param name="seeded">With which migration as the last one the seeding is done, too; null if there is no seeder.</param>
    public void Finish(string? seeded)
    {
        Finish();
        Seeded = seeded;
    }

    /// <summary>True once, and only for a run that had something to do.</summary>
    public bool TryEnd() => HasStarted && !Interlocked.Exchange(ref hasEnded, true);

    public void Finish()
    {
        if (current is null)
        {
            return;
        }

        var duration = Stopwatch.GetElapsedTime(currentStarted);
        durations.Add(new AppliedIn(current, duration.TotalSeconds));
        if (!IsAdoption)
        {
            Telemetry.Applied(current, duration);
        }

        End(ActivityStatusCode.Ok);
    }

    public void Fail(string reason)
    {
        Error = current is null ? reason : $"{current}: {reason}";
        End(ActivityStatusCode.Error);
    }

    /// <summary>Whether a turn that failed in passing may be followed by another. Progress renews the patience.</summary>
    public bool MayTryAgain(TimeSpan patience)
    {
        if (trouble is null || trouble.Value.Applied < durations.Count)
        {
            trouble = (durations.Count, Stopwatch.GetTimestamp());
        }

        var mayTry = Stopwatch.GetElapsedTime(trouble.Value.Since) < patience;
        if (mayTry)
        {
            End(ActivityStatusCode.Error);
        }

        return mayTry;
    }

    private void End(ActivityStatusCode status)
    {
        activity?.SetStatus(status);
        activity?.Dispose();
        activity = null;
        current = null;
    }

    /// <param name="Migration">The migration's id.</param>
    /// <param name="Seconds">How long it took.</param>
    internal sealed record AppliedIn(string Migration, double Seconds);
}
