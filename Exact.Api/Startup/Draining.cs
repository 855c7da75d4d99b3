using Exact.Api.Http;
using Microsoft.Extensions.Options;

namespace Exact.Api.Startup;

/// <summary>
/// Gives proxies that ask for readiness the time to notice that a service stops. Then the server accepts nothing more,
/// and what runs has 30 seconds to end.
/// </summary>
internal sealed class Draining(IOptions<RequestOptions> options, TimeProvider time) : IHostedLifecycleService
{
    /// <summary>How long what runs may take to end. The host counts from the signal on, so it has to add the delay.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public Task StoppingAsync(CancellationToken cancellationToken) =>
        Task.Delay(options.Value.StopDelay, time, cancellationToken);

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
