using Exact.Infrastructure;
using Exact.Infrastructure.Migrating;

namespace Exact.Api.Startup;

/// <summary>
/// Says in the log, once the service is ready, what is not as this code left it: migrations of a newer version, edited ones, and
/// what somebody has changed by hand. Warnings and not an end: a missing index makes queries slow, and a service that refuses to
/// start makes them fail.
/// </summary>
internal sealed partial class WarnAfterStart(
    SchemaState state,
    MigrationStatusReader reader,
    ILogger<WarnAfterStart> logger
) : BackgroundService
{
    /// <summary>Replicas are mostly started together, and the first that are ready leave the processor to the others.</summary>
    private static readonly TimeSpan Calm = TimeSpan.FromSeconds(3);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await state.WhenReadyAsync(stoppingToken);
            await Task.Delay(Calm.WithJitter(), stoppingToken);
            var status = await reader.ReadAsync(MigrationStatusReader.InFull, stoppingToken);
            foreach (var unknown in status.Unknown)
            {
                LogUnknown(unknown);
            }

            foreach (var warning in status.Warnings)
            {
                LogEdited(warning);
            }

            foreach (var finding in (status.Drift ?? []).Where(finding => !finding.Harmless))
            {
                LogDrift($"{finding}");
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // stopped before
        }
        catch (Exception e)
        {
            LogNotRead(e.Cause()); // a service that is ready does not end because a comparison failed
        }
    }

    [LoggerMessage(LogLevel.Warning, "A newer version has applied {Migration}, which this code does not know")]
    private partial void LogUnknown(string migration);

    [LoggerMessage(LogLevel.Warning, "{Warning}")]
    private partial void LogEdited(string warning);

    [LoggerMessage(LogLevel.Warning, "The database has been changed by hand: {Finding}")]
    private partial void LogDrift(string finding);

    [LoggerMessage(LogLevel.Warning, "The database could not be compared with the model: {Reason}")]
    private partial void LogNotRead(string reason);
}
