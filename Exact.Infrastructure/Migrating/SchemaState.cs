namespace Exact.Infrastructure.Migrating;

/// <summary>What this process knows about the schema while it starts; each replica has its own.</summary>
public sealed class SchemaState
{
    private readonly TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile SchemaProgress current = new(SchemaPhase.Starting, "The service is starting.");

    public SchemaProgress Current => current;

    public bool IsReady => ready.Task.IsCompletedSuccessfully;

    /// <summary>Why the service stops; null unless the phase is <see cref="SchemaPhase.Failed"/>.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Completes when the schema is ready for the first time.</summary>
    public Task WhenReadyAsync(CancellationToken cancellationToken) => ready.Task.WaitAsync(cancellationToken);

    internal void Enter(SchemaPhase phase, string detail) => current = new(phase, detail);

    internal void EnterMigration(string migration, int number, int total) =>
        current = new(SchemaPhase.Migrating, $"Applying migration {number} of {total}: {migration}.")
        {
            Migration = migration,
            Number = number,
            Total = total,
        };

    internal void BeReady()
    {
        Enter(SchemaPhase.Ready, "The schema is ready.");
        ready.TrySetResult();
    }

    /// <summary>Records why the service cannot become ready and stops.</summary>
    internal void Fail(Exception cause)
    {
        Failure = cause;
        Enter(SchemaPhase.Failed, cause.Cause());
    }
}

/// <summary>A stage of a service's start.</summary>
/// <param name="Phase">What the service is doing.</param>
/// <param name="Detail">The phase as a sentence.</param>
public sealed record SchemaProgress(SchemaPhase Phase, string Detail)
{
    /// <summary>
    /// The migration that this process is applying; null unless it is <see cref="SchemaPhase.Migrating"/>.
    /// </summary>
    public string? Migration { get; init; }

    /// <summary>Its number among the <see cref="Total"/> pending ones, from 1.</summary>
    public int? Number { get; init; }

    public int? Total { get; init; }
}

/// <summary>What a starting service does about the schema.</summary>
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

    Failed,
}
