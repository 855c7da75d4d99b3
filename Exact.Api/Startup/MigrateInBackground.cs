using Exact.Infrastructure.Migrating;
using Microsoft.Extensions.Options;

namespace Exact.Api.Startup;

/// <summary>Migrates the schema while Kestrel already listens, so that a probe does not kill a migrating service.</summary>
/// <remarks>A failure stops the process; <see cref="SchemaState"/> keeps the cause for the last log line.</remarks>
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
            // the service stops before it is ready
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
                $"{status.Detail} Migrations:Strict refuses that. Deploy the version that applied them, or set it to false."
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
                $"Migrations:OnStartup is Check: waiting for someone to apply {pending.Count} pending migrations."
            );
            LogWaiting(pending.Count);
            await Task.Delay(CheckInterval, stoppingToken);
        }
    }

    [LoggerMessage(1001, LogLevel.Information, "The schema is ready")]
    private partial void LogReady();

    [LoggerMessage(1002, LogLevel.Warning, "Waiting for someone to apply {Count} pending migrations")]
    private partial void LogWaiting(int count);
}
