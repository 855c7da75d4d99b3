using System.Collections.Concurrent;
using Exact.Infrastructure;

namespace Exact.Api.Transfers;

/// <summary>Runs imports whose request has been answered. A stopping service cancels them; they change nothing.</summary>
internal sealed partial class BackgroundImports(IHostApplicationLifetime lifetime, ILogger<BackgroundImports> logger)
    : IHostedService
{
    private readonly ConcurrentDictionary<Task, bool> running = new();

    /// <summary>Starts an import, and cancels it when the service stops.</summary>
    public Task Start(Func<CancellationToken, Task> import)
    {
        var stopping = lifetime.ApplicationStopping;
        var task = Task.Run(() => import(stopping), stopping);
        running.TryAdd(task, true);
        _ = ForgetAsync(task);
        return task;
    }

    /// <summary>Starts work that tells the number of its operation, and waits for that.</summary>
    public async Task<long> BeginAsync(Func<Action<long>, CancellationToken, Task> work)
    {
        var begun = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
        var task = Start(stopping => work(begun.SetResult, stopping));
        await await Task.WhenAny(begun.Task, task); // the work comes first only if it failed
        return await begun.Task;
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
            LogFailed(e.Cause()); // the journal says so, too, unless the journal is what failed
        }
        catch (OperationCanceledException)
        {
            // the journal says so
        }
        finally
        {
            running.TryRemove(task, out _);
        }
    }

    [LoggerMessage(1201, LogLevel.Warning, "A background import failed: {Cause}")]
    private partial void LogFailed(string cause);
}
