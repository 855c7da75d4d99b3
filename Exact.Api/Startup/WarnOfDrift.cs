using Exact.Infrastructure.Migrating;

namespace Exact.Api.Startup;

/// <summary>
/// Says in the log, once the service is ready, where somebody has changed the database by hand. A warning and not an end: a
/// missing index makes queries slow, and a service that refuses to start makes them fail.
/// </summary>
internal sealed partial class WarnOfDrift(SchemaState state, MigrationStatusReader status, ILogger<WarnOfDrift> logger)
    : BackgroundService
{
    /// <summary>Replicas are mostly started together, and the first that are ready leave the processor to the others.</summary>
    private static readonly TimeSpan Calm = TimeSpan.FromSeconds(4);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await state.WhenReadyAsync(stoppingToken);
            await Task.Delay(Calm * (0.5 + Random.Shared.NextDouble()), stoppingToken);
            foreach (var finding in (await status.ReadAsync(MigrationStatusReader.InFull, stoppingToken)).Drift ?? [])
            {
                if (!finding.Harmless)
                {
                    LogDrift($"{finding}");
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // stopped before
        }
        catch (Exception e)
        {
            LogNotRead(e.Message); // a service that is ready does not end because a comparison failed
        }
    }

    [LoggerMessage(LogLevel.Warning, "The database has been changed by hand: {Finding}")]
    private partial void LogDrift(string finding);

    [LoggerMessage(LogLevel.Warning, "The database could not be compared with the model: {Reason}")]
    private partial void LogNotRead(string reason);
}
