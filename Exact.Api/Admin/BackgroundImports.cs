using System.Collections.Concurrent;
using Exact.Infrastructure;

namespace Exact.Api.Admin;

/// <summary>Imports that go on after their request has been answered. When the service stops, they end first, and change nothing.</summary>
internal sealed partial class BackgroundImports(IHostApplicationLifetime lifetime, ILogger<BackgroundImports> logger)
    : IHostedService
{
    private readonly ConcurrentDictionary<Task, bool> running = new();

    /// <summary>Starts an import. Its token ends it when the service stops.</summary>
    public Task Start(Func<CancellationToken, Task> import)
    {
        var stopping = lifetime.ApplicationStopping;
        var task = Task.Run(() => import(stopping), stopping);
        running.TryAdd(task, true);
        _ = ForgetAsync(task);
        return task;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StopAsync(CancellationToken cancellationToken) =>
        await Task.WhenAll(running.Keys)
            .WaitAsync(cancellationToken)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private async Task ForgetAsync(Task task)
    {
        try
        {
            await task;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogFailed(e.Cause()); // the journal has it, unless the journal is what failed
        }
        catch (OperationCanceledException)
        {
            // on record
        }
        finally
        {
            running.TryRemove(task, out _);
        }
    }

    [LoggerMessage(LogLevel.Warning, "An import failed: {Cause}")]
    private partial void LogFailed(string cause);
}
