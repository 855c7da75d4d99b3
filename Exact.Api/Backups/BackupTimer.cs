using Exact.Infrastructure.Backups;
using Exact.Infrastructure.Migrating;

namespace Exact.Api.Backups;

/// <summary>Makes the scheduled backups while the service runs.</summary>
internal sealed class BackupTimer(BackupSchedule schedule, SchemaState state, TimeProvider time) : BackgroundService
{
    /// <summary>How often to look whether a replica has left a backup to the others.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!schedule.IsOn)
        {
            return;
        }

        await state.WhenReadyAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        while (!stoppingToken.IsCancellationRequested)
        {
            await schedule.LookAsync(stoppingToken);
            await Task.Delay(schedule.Wait(Interval), time, stoppingToken);
        }
    }
}
