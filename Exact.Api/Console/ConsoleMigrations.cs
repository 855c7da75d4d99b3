using Exact.Infrastructure;
using Exact.Infrastructure.Migrating;

namespace Exact.Api.AdminConsole;

/// <summary>Applies migrations in the background, because a browser does not wait as long as they may take.</summary>
internal sealed partial class ConsoleMigrations(
    DatabaseMigrator migrator,
    SchemaWatch watch,
    IHostApplicationLifetime lifetime,
    ILogger<ConsoleMigrations> logger
)
{
    /// <summary>A short run has ended before its page is shown.</summary>
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(1);

    private readonly Lock starting = new();
    private Task running = Task.CompletedTask;

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
            await migrator.MigrateAsync(actor, lifetime.ApplicationStopping);
            await watch.ReturnAsync(lifetime.ApplicationStopping);
        }
        catch (Exception e)
        {
            LogFailed(e.Cause()); // the journal and the status say so, too
        }
    }

    [LoggerMessage(1701, LogLevel.Error, "The migrations could not be applied from the console: {Cause}")]
    private partial void LogFailed(string cause);
}
