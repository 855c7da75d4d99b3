using Exact.Infrastructure;
using Exact.Infrastructure.Accounts;
using Exact.Infrastructure.Migrating;

namespace Exact.Api.AdminConsole;

/// <summary>Applies migrations in the background, because a browser does not wait as long as they may take.</summary>
internal sealed partial class ConsoleMigrations(
    DatabaseMigrator migrator,
    SchemaWatch watch,
    KeyRing keys,
    IHostApplicationLifetime lifetime,
    ILogger<ConsoleMigrations> logger
)
{
    /// <summary>A short run has ended before its page is shown.</summary>
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(1);

    private readonly Lock starting = new();
    private Task running = Task.CompletedTask;

    /// <summary>
    /// Why the last run of this process failed; null if none did. A run that is refused, as for a missing right, leaves no
    /// entry in the journal.
    /// </summary>
    public string? Failure { get; private set; }

    /// <summary>Starts a run, unless this process is at it, and waits for a moment.</summary>
    public async Task StartAsync(string actor)
    {
        lock (starting)
        {
            running = running.IsCompleted ? Task.Run(() => ApplyAsync(actor)) : running;
        }

        await running.WaitAsync(Moment).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task ApplyAsync(string actor)
    {
        try
        {
            Failure = null;
            await migrator.MigrateAsync(actor, lifetime.ApplicationStopping);
            await keys.TryEnsureAsync(lifetime.ApplicationStopping); // before the service is ready, so that sessions go on
        }
        catch (Exception e)
        {
            Failure = e.Cause();
            LogFailed(Failure);
        }

        await watch.ReturnAsync(lifetime.ApplicationStopping);
    }

    [LoggerMessage(1701, LogLevel.Error, "The migrations could not be applied from the console: {Cause}")]
    private partial void LogFailed(string cause);
}
