using System.Diagnostics;

namespace Exact.Infrastructure.Migrating;

/// <summary>
/// Records one call to migrate, over all its attempts: what was applied, how long each took, and why it ended.
/// </summary>
/// <param name="actor">Who asked for it.</param>
/// <param name="time">Measures the durations.</param>
internal sealed class MigrationRun(string actor, TimeProvider time)
{
    private readonly List<AppliedIn> durations = [];
    private long planned;
    private string? current;
    private long currentStarted;
    private Activity? activity;
    private (int Applied, long Since)? trouble;
    private bool isClosed;

    public string Actor => actor;

    /// <summary>The migrations were only recorded, because the tables already existed.</summary>
    public bool IsAdoption { get; init; }

    /// <summary>The database needs no backup any more before it is changed.</summary>
    public bool IsBackedUp { get; set; }

    /// <summary>When the run first held the lock with work to do; null until then.</summary>
    public DateTimeOffset? StartedAt { get; private set; }

    public TimeSpan Elapsed => time.GetElapsedTime(planned);

    /// <summary>What has been applied so far, in order.</summary>
    public IReadOnlyList<string> Applied => [.. durations.Select(applied => applied.Migration)];

    public IReadOnlyList<AppliedIn> Durations => durations;

    /// <summary>Which of <see cref="Total"/> is being applied, from 1.</summary>
    public int Number => durations.Count + 1;

    /// <summary>How many there are to apply.</summary>
    public int Total { get; private set; }

    /// <summary>What has kept this run from going on since it last applied a migration; null if nothing has.</summary>
    public SchemaObstacle? Obstacle { get; private set; }

    /// <summary>The last migration at the time of seeding; null without a seeder.</summary>
    public string? Seeded { get; private set; }

    /// <summary>The migration that failed and why, or null.</summary>
    public string? Error { get; private set; }

    /// <summary>Begins an attempt, which holds the lock, with what is pending.</summary>
    public void Plan(IReadOnlyList<string> pending)
    {
        Total = durations.Count + pending.Count;
        if (StartedAt is null)
        {
            StartedAt = time.GetUtcNow();
            planned = time.GetTimestamp();
        }
    }

    /// <summary>Starts a migration, and completes the one before it: EF Core has committed that by now.</summary>
    public void StartMigration(string migration)
    {
        CompleteMigration();
        current = migration;
        currentStarted = time.GetTimestamp();
        activity = Telemetry.StartMigration(migration);
    }

    /// <summary>Completes the last migration, and the seeding if there is any.</summary>
    /// <param name="seeded">The last migration at the time of seeding; null without a seeder.</param>
    public void Complete(string? seeded = null)
    {
        CompleteMigration();
        Seeded = seeded;
    }

    public void Fail(string reason)
    {
        Error = current is null ? reason : $"{current}: {reason}";
        LeaveMigration(ActivityStatusCode.Error);
    }

    /// <summary>
    /// Whether a blocked or interrupted attempt may be repeated. Each applied migration renews the patience.
    /// </summary>
    public bool MayRetry(TimeSpan patience, string reason)
    {
        if (trouble is null || trouble.Value.Applied < durations.Count)
        {
            trouble = (durations.Count, time.GetTimestamp());
            Obstacle = null;
        }

        Obstacle = new(Obstacle?.Attempts + 1 ?? 1, Obstacle?.Since ?? time.GetUtcNow(), reason);
        var mayRetry = time.GetElapsedTime(trouble.Value.Since) < patience;
        if (mayRetry)
        {
            LeaveMigration(ActivityStatusCode.Error);
        }

        return mayRetry;
    }

    /// <summary>Ends the run. True once, and only if there was work to do: then it belongs in the journal.</summary>
    public bool TryClose() => StartedAt is not null && !Interlocked.Exchange(ref isClosed, true);

    private void CompleteMigration()
    {
        if (current is null)
        {
            return;
        }

        Obstacle = null;
        var duration = time.GetElapsedTime(currentStarted);
        durations.Add(new AppliedIn(current, duration.TotalSeconds));
        if (!IsAdoption)
        {
            Telemetry.Applied(current, duration);
        }

        LeaveMigration(ActivityStatusCode.Ok);
    }

    private void LeaveMigration(ActivityStatusCode status)
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
