namespace Exact.Infrastructure.Migrating;

/// <summary>What this process knows about the schema; each replica has its own.</summary>
public sealed class SchemaState
{
    private readonly TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile SchemaProgress current = new(SchemaPhase.Starting, "The service is starting.");

    public SchemaProgress Current => current;

    /// <summary>A request would be served.</summary>
    public bool IsReady => current.Phase is SchemaPhase.Ready;

    /// <summary>
    /// Requests are let through. While the server is away they fail for themselves, so that the first after its return
    /// succeeds.
    /// </summary>
    public bool IsOpen => current.Phase is SchemaPhase.Ready or SchemaPhase.Away;

    /// <summary>The service has been ready.</summary>
    public bool HasStarted => ready.Task.IsCompletedSuccessfully;

    /// <summary>Why the service stops; null unless the phase is <see cref="SchemaPhase.Failed"/>.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Completes when the schema is ready for the first time.</summary>
    public Task WhenReadyAsync(CancellationToken cancellationToken) => ready.Task.WaitAsync(cancellationToken);

    internal void Enter(SchemaPhase phase, string detail) => current = new(phase, detail);

    internal void EnterMigration(string migration, int number, int total, SchemaObstacle? obstacle = null) =>
        current = new(SchemaPhase.Migrating, $"Applying migration {number} of {total}: {migration}.")
        {
            Migration = migration,
            Number = number,
            Total = total,
            Obstacle = obstacle,
        };

    internal void BeReady()
    {
        current = SchemaProgress.IsReady;
        ready.TrySetResult();
    }

    /// <summary>Records why the service cannot become ready and stops.</summary>
    internal void Fail(Exception cause)
    {
        Failure = cause;
        Enter(SchemaPhase.Failed, cause.Cause());
    }
}

/// <summary>A phase of a service, with its details.</summary>
/// <param name="Phase">What the service is doing.</param>
/// <param name="Detail">The phase as a sentence.</param>
public sealed record SchemaProgress(SchemaPhase Phase, string Detail)
{
    internal static readonly SchemaProgress IsReady = new(SchemaPhase.Ready, "The schema is ready.");

    internal static readonly SchemaProgress Stops = new(SchemaPhase.Stopping, "The service was told to stop.");

    /// <summary>
    /// The migration that this process is applying; null unless it is <see cref="SchemaPhase.Migrating"/>.
    /// </summary>
    public string? Migration { get; init; }

    /// <summary>Its number among the <see cref="Total"/> pending ones, from 1.</summary>
    public int? Number { get; init; }

    public int? Total { get; init; }

    /// <summary>Why the migration is tried again; null if nothing was in its way.</summary>
    public SchemaObstacle? Obstacle { get; init; }
}

/// <summary>What is in the way of a migration.</summary>
/// <param name="Attempts">How many attempts it has stopped.</param>
/// <param name="Since">When it stopped the first one.</param>
/// <param name="Reason">What the last attempt ran into, in one sentence.</param>
public sealed record SchemaObstacle(int Attempts, DateTimeOffset Since, string Reason);

/// <summary>What a service does about the schema.</summary>
public enum SchemaPhase
{
    Starting,

    /// <summary>PostgreSQL does not answer yet.</summary>
    WaitingForServer,

    /// <summary>Another session is migrating.</summary>
    WaitingForLock,

    /// <summary>Migrations are pending, and this service is configured not to apply them.</summary>
    WaitingForMigrations,

    Migrating,

    Ready,

    /// <summary>The service was ready, but PostgreSQL does not answer now.</summary>
    Away,

    /// <summary>The database does not let the application in, or lacks what it needs.</summary>
    Refused,

    /// <summary>The service was told to stop; it serves what has begun.</summary>
    Stopping,

    Failed,
}
