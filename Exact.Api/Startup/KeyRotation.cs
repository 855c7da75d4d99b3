using Exact.Infrastructure;
using Exact.Infrastructure.Accounts;
using Exact.Infrastructure.Migrating;

namespace Exact.Api.Startup;

/// <summary>Looks after the keys for cookies while the service runs, because they expire after 90 days.</summary>
internal sealed class KeyRotation(KeyRing keys, SchemaState state, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(12);
    private static readonly TimeSpan AfterFailure = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await state.WhenReadyAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var pause = AfterFailure; // the start has looked already, and may have failed
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(pause.WithJitter(), time, stoppingToken);
            pause = await keys.TryEnsureAsync(stoppingToken) ? Interval : AfterFailure;
        }
    }
}
