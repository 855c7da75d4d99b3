using Exact.Infrastructure.Migrating;
using Microsoft.Extensions.Options;

namespace Exact.Api.Startup;

/// <summary>
/// Brings the schema up while Kestrel already listens, so that a probe does not kill a service that is migrating. A failure
/// stops the process; <see cref="SchemaState"/> keeps the cause for its last log line.
/// </summary>
internal sealed partial class MigrateInBackground(
    DatabaseMigrator migrator,
    MigrationStatusReader reader,
    SchemaState state,
    IOptions<MigrationOptions> options,
    IHostApplicationLifetime lifetime,
    ILogger<MigrateInBackground> logger
) : BackgroundService
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            if (options.Value.OnStartup is StartupAction.Apply)
            {
                await migrator.MigrateAsync("startup", stoppingToken);
            }
            else
            {
                await WaitForOthersAsync(stoppingToken);
            }

            if (options.Value.Strict)
            {
                await RefuseUnexpectedAsync(stoppingToken);
            }

            state.BeReady();
            LogReady();
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // stopped before it was ready
        }
        catch (Exception e)
        {
            state.Fail(e);
            lifetime.StopApplication();
        }
    }

    private async Task RefuseUnexpectedAsync(CancellationToken stoppingToken)
    {
        var status = await reader.ReadAsync(MigrationStatusReader.InFull, stoppingToken);
        if (status.State is MigrationState.Ahead)
        {
            throw new MigrationRefusedException(
                $"{status.Detail} Migrations:Strict refuses that: deploy the version that applied them, or set it to false."
            );
        }

        if (status.Applied.Any(migration => migration.IsEdited && migration.Generator == MigrationHash.Generator))
        {
            throw new MigrationRefusedException(
                $"Migrations:Strict refuses edited migrations. {string.Join(' ', status.Warnings)}"
            );
        }
    }

    private async Task WaitForOthersAsync(CancellationToken stoppingToken)
    {
        while (await migrator.LookAsync(stoppingToken) is { Count: > 0 } pending)
        {
            state.Enter(
                SchemaPhase.WaitingForMigrations,
                $"{pending.Count} migrations are pending, and Migrations:OnStartup is Check: waiting for somebody to apply them."
            );
            LogWaiting(pending.Count);
            await Task.Delay(CheckInterval, stoppingToken);
        }
    }

    [LoggerMessage(LogLevel.Information, "The schema is ready")]
    private partial void LogReady();

    [LoggerMessage(LogLevel.Warning, "Waiting for somebody to apply {Count} pending migrations")]
    private partial void LogWaiting(int count);
}
