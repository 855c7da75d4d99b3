using System.Diagnostics.Metrics;
using Exact.Infrastructure;
using Exact.Infrastructure.Accounts;
using Exact.Infrastructure.Backups;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Operations;
using Exact.Infrastructure.Submissions;

namespace Exact.Api.Metrics;

/// <summary>Measures what no request tells: whether the service is ready, how long the queue is, and how old the last backup.</summary>
/// <remarks>It runs only where something takes the metrics. The interval, and a bound on the rows, keep the query cheap.</remarks>
internal sealed class PeriodicGauges(
    SubmissionQueue queue,
    QueueTelemetry submissions,
    OperationTelemetry operations,
    SignInTelemetry signIns,
    BackupHistory backups,
    BackupSchedule schedule,
    SchemaState state,
    IMeterFactory meters,
    TimeProvider time
) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    /// <summary>How many looks at the queue come before one at the backups, which reads the whole journal.</summary>
    private const int LooksPerBackup = 20;

    private DateTimeOffset? lastBackup;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var meter = meters.CreateExact();
        meter.CreateObservableGauge(
            "exact.ready",
            () => state.IsReady ? 1 : 0,
            "{replica}",
            "Whether this replica would serve a request: 1 or 0"
        );
        meter.CreateObservableGauge(
            "exact.backups.last_success",
            () => lastBackup is { } at ? [new(at.ToUnixTimeSeconds())] : Array.Empty<Measurement<long>>(),
            "s",
            "When the last verified backup began, in seconds since 1970"
        );
        submissions.StartAtZero();
        operations.StartAtZero();
        signIns.StartAtZero();
        await state.WhenReadyAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        for (var look = 0; !stoppingToken.IsCancellationRequested; look++)
        {
            try
            {
                await queue.MeasureAsync(stoppingToken);
                if (look % LooksPerBackup == 0)
                {
                    lastBackup = await backups.FindLastSuccessAsync(schedule.IsOn, stoppingToken);
                }
            }
            catch (Exception e) when (PostgresErrors.FaultOf(e) is not null)
            {
                // the gauges keep their values; exact.ready and the errors of requests tell of the database
            }

            await Task.Delay(Interval.WithJitter(), time, stoppingToken);
        }
    }
}
