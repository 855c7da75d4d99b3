using Exact.Infrastructure;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Npgsql;

namespace Exact.Api.Startup;

/// <summary>
/// Warns, once the service is ready, about newer migrations, edited migrations, manual changes of the schema and
/// sessions that the server ends.
/// </summary>
/// <remarks>
/// These do not stop the service: a missing index makes queries slow, but a stopped service makes them fail.
/// </remarks>
internal sealed partial class WarnAfterStart(
    SchemaState state,
    NpgsqlDataSource database,
    MigrationStatusReader reader,
    ILogger<WarnAfterStart> logger
) : BackgroundService
{
    /// <summary>How long to wait first: replicas usually start together, and the slower ones need the processor.</summary>
    private static readonly TimeSpan Calm = TimeSpan.FromSeconds(3);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await state.WhenReadyAsync(stoppingToken);
            await Task.Delay(Calm.WithJitter(), stoppingToken);
            await WarnOfIdleTimeoutAsync(stoppingToken);
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
            // the service stops
        }
        catch (Exception e)
        {
            LogNotRead(e.Cause()); // a failed comparison does not stop a service that is ready
        }
    }

    private async Task WarnOfIdleTimeoutAsync(CancellationToken stoppingToken)
    {
        var role = await database.TryTwiceAsync(async () => // the first session may have been ended already
        {
            await using var command = database.CreateShortCommand(
                "SELECT quote_ident(current_user) FROM pg_settings WHERE name = 'idle_session_timeout' AND setting <> '0'"
            );
            return await command.ExecuteScalarAsync(stoppingToken) as string;
        });
        if (role is not null)
        {
            LogIdleTimeout(role);
        }
    }

    [LoggerMessage(
        1010,
        LogLevel.Warning,
        "The server ends sessions that are idle (idle_session_timeout), so the first change after a pause is answered with "
            + "503. Run: ALTER ROLE {Role} SET idle_session_timeout = 0"
    )]
    private partial void LogIdleTimeout(string role);

    [LoggerMessage(1003, LogLevel.Warning, "A newer version has applied {Migration}, which this code does not know")]
    private partial void LogUnknown(string migration);

    [LoggerMessage(1004, LogLevel.Warning, "{Warning}")]
    private partial void LogEdited(string warning);

    [LoggerMessage(1005, LogLevel.Warning, "The database has been changed by hand: {Finding}")]
    private partial void LogDrift(string finding);

    [LoggerMessage(1006, LogLevel.Warning, "The database could not be compared with the model: {Reason}")]
    private partial void LogNotRead(string reason);
}
