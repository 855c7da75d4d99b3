using Exact.Infrastructure;
using Exact.Infrastructure.Accounts;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Operations;
using Microsoft.Extensions.Options;

namespace Exact.Api.Startup;

/// <summary>
/// Migrates the schema while Kestrel already listens, so that a probe does not kill a migrating service; then keeps the
/// service ready.
/// </summary>
/// <remarks>
/// A start that fails stops the process; <see cref="SchemaState"/> keeps the cause for the last log line. A service
/// that has been ready stays, because its database may come back.
/// </remarks>
internal sealed partial class MigrateInBackground(
    DatabaseMigrator migrator,
    ReadinessCheck readiness,
    SchemaWatch watch,
    MigrationStatusReader reader,
    KeyRing keys,
    SchemaState state,
    IOptions<MigrationOptions> options,
    IHostApplicationLifetime lifetime,
    TimeProvider time,
    ILogger<MigrateInBackground> logger
) : BackgroundService
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaximalPause = TimeSpan.FromMinutes(1);

    private bool Applies => options.Value.OnStartup is StartupAction.Apply;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await BecomeReadyAsync(stoppingToken);
            if (options.Value.Strict)
            {
                await RefuseUnexpectedAsync(stoppingToken);
            }

            await keys.TryEnsureAsync(stoppingToken); // before any replica answers, so that they share one key
            state.BeReady();
            LogReady();
            while (true)
            {
                await watch.WhenInDoubtAsync(stoppingToken);
                await BecomeReadyAgainAsync(stoppingToken);
                await keys.TryEnsureAsync(stoppingToken); // an older or a new database may have come back
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // the service stops
        }
        catch (Exception e)
        {
            state.Fail(e);
            lifetime.StopApplication();
        }
    }

    private async Task BecomeReadyAsync(CancellationToken stoppingToken)
    {
        if (Applies)
        {
            await migrator.MigrateAsync(Actors.Startup, stoppingToken);
        }

        string? told = null;
        while (await readiness.WaitAsync(stoppingToken) is { Phase: not SchemaPhase.Ready } found)
        {
            // The rights may be granted only after the migrations that this service waits for.
            if (Applies || (found.Phase is SchemaPhase.Refused && told is null))
            {
                throw new MigrationRefusedException(
                    found.Phase is SchemaPhase.Refused
                        ? found.Detail
                        : $"The migrations are applied, but not where ConnectionStrings__Exact leads. {found.Detail} "
                            + "Set \"Database\" and \"Search Path\" there as in ConnectionStrings__ExactMigrator."
                );
            }

            if (told != found.Detail)
            {
                told = found.Detail;
                LogWaiting(found.Total is { } count ? $"apply {count} pending migrations" : $"grant rights. {told}");
            }

            if (!migrator.IsRunning) // an administrator has this service migrate, and follows how far it is
            {
                state.Enter(found.Phase, $"Migrations:OnStartup is Check: waiting for someone to migrate. {told}");
            }

            await Task.Delay(CheckInterval, time, stoppingToken);
        }
    }

    private async Task BecomeReadyAgainAsync(CancellationToken stoppingToken)
    {
        var pause = CheckInterval;
        while (!await watch.SettleAsync(stoppingToken))
        {
            var next = CheckInterval;
            if (Applies && state.Current.Phase is SchemaPhase.WaitingForMigrations)
            {
                if (await TryMigrateAsync(stoppingToken) && await watch.SettleAsync(stoppingToken))
                {
                    return;
                }

                next = pause = pause * 2 < MaximalPause ? pause * 2 : MaximalPause;
            }

            await Task.Delay(next.WithJitter(), time, stoppingToken);
        }
    }

    private async Task<bool> TryMigrateAsync(CancellationToken stoppingToken)
    {
        try
        {
            await migrator.MigrateAsync(Actors.Startup, stoppingToken);
            return true;
        }
        catch (Exception e) when (!stoppingToken.IsCancellationRequested)
        {
            state.Enter(SchemaPhase.Refused, e.Cause());
            LogNotMigrated(e.Cause());
            return false;
        }
    }

    private async Task RefuseUnexpectedAsync(CancellationToken stoppingToken)
    {
        var status = await reader.ReadAsync(MigrationStatusReader.InFull, stoppingToken);
        if (status.State is MigrationState.Ahead)
        {
            throw new MigrationRefusedException(
                $"{status.Detail} Migrations:Strict refuses that. Deploy the version that applied them, or set it to "
                    + "false."
            );
        }

        if (status.Applied.Any(migration => migration.IsEdited && migration.Generator == MigrationHash.Generator))
        {
            throw new MigrationRefusedException(
                $"Migrations:Strict refuses edited migrations. {string.Join(' ', status.Warnings)}"
            );
        }
    }

    [LoggerMessage(1001, LogLevel.Information, "The schema is ready")]
    private partial void LogReady();

    [LoggerMessage(1002, LogLevel.Warning, "Waiting for someone to {Work}")]
    private partial void LogWaiting(string work);

    [LoggerMessage(1009, LogLevel.Error, "The schema could not be migrated again: {Cause}")]
    private partial void LogNotMigrated(string cause);
}
