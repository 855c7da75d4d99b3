using Exact.Infrastructure;
using Exact.Infrastructure.Backups;
using Exact.Infrastructure.Migrating;

namespace Exact.Api.Backups;

/// <summary>Makes the scheduled backups while the service runs.</summary>
internal sealed partial class BackupTimer(
    BackupSchedule schedule,
    SchemaState state,
    TimeProvider time,
    ILogger<BackupTimer> logger
) : BackgroundService
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
            await LookAsync(stoppingToken);
            var next = schedule.Next - time.GetUtcNow() ?? Interval;
            await Task.Delay(next < Interval ? next : Interval, time, stoppingToken);
        }
    }

    private async Task LookAsync(CancellationToken stoppingToken)
    {
        try
        {
            await schedule.RunIfDueAsync(stoppingToken);
        }
        catch (Exception e) when (!stoppingToken.IsCancellationRequested)
        {
            LogNotLooked(e.Cause()); // the next look may succeed
        }
    }

    [LoggerMessage(1801, LogLevel.Error, "It cannot be told whether a backup is due: {Cause}")]
    private partial void LogNotLooked(string cause);
}
