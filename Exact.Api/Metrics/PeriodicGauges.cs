using System.Diagnostics.Metrics;
using Exact.Infrastructure;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Submissions;

namespace Exact.Api.Metrics;

/// <summary>Measures what no request tells: whether the service is ready, and how long the queue is.</summary>
/// <remarks>It runs only where something takes the metrics. The interval, and a bound on the rows, keep the query cheap.</remarks>
internal sealed class PeriodicGauges : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    private readonly SubmissionQueue queue;
    private readonly SchemaState state;
    private readonly TimeProvider time;

    public PeriodicGauges(SubmissionQueue queue, SchemaState state, IMeterFactory meters, TimeProvider time)
    {
        (this.queue, this.state, this.time) = (queue, state, time);
        meters
            .CreateExact()
            .CreateObservableGauge(
                "exact.ready",
                () => state.IsReady ? 1 : 0,
                "{replica}",
                "Whether this replica would serve a request: 1 or 0"
            );
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
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
