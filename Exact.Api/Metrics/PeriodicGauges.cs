using System.Diagnostics.Metrics;
using Exact.Infrastructure;
using Exact.Infrastructure.Accounts;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Operations;
using Exact.Infrastructure.Submissions;

namespace Exact.Api.Metrics;

/// <summary>Measures what no request tells: whether the service is ready, and how long the queue is.</summary>
/// <remarks>It runs only where something takes the metrics. The interval, and a bound on the rows, keep the query cheap.</remarks>
internal sealed class PeriodicGauges(
    SubmissionQueue queue,
    QueueTelemetry submissions,
    OperationTelemetry operations,
    SignInTelemetry signIns,
    SchemaState state,
    IMeterFactory meters,
    TimeProvider time
) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        meters
            .CreateExact()
            .CreateObservableGauge(
                "exact.ready",
                () => state.IsReady ? 1 : 0,
                "{replica}",
                "Whether this replica would serve a request: 1 or 0"
            );
        submissions.StartAtZero();
        operations.StartAtZero();
        signIns.StartAtZero();
        await state.WhenReadyAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await queue.MeasureAsync(stoppingToken);
            }
            catch (Exception e) when (PostgresErrors.FaultOf(e) is not null)
            {
                // the gauges keep their values; exact.ready and the errors of requests tell of the database
            }

            await Task.Delay(Interval.WithJitter(), time, stoppingToken);
        }
    }
}
