using Exact.Infrastructure.Accounts;
using Exact.Infrastructure.Backups;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Files;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Migrating.Forecast;
using Exact.Infrastructure.Migrating.Rehearsing;
using Exact.Infrastructure.Operations;
using Exact.Infrastructure.Standings;
using Exact.Infrastructure.Submissions;
using Exact.Infrastructure.Transfer;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Exact.Infrastructure;

/// <summary>The one registration of everything that knows PostgreSQL.</summary>
public static class InfrastructureServices
{
    /// <summary>How many statements a session keeps prepared: all that the API asks often.</summary>
    private const int PreparedStatements = 100;

    /// <summary>What EF Core logs before it throws. The code that catches the exception logs it, once.</summary>
    private static readonly EventId[] Failures =
    [
        CoreEventId.QueryIterationFailed,
        CoreEventId.SaveChangesFailed,
        RelationalEventId.ConnectionError,
        RelationalEventId.CommandError,
        RelationalEventId.TransactionError,
    ];

    public static IServiceCollection AddExactInfrastructure(this IServiceCollection services)
    {
        services.AddSingleton<DatabaseSettings>();
        services.AddSingleton<ServerChange>();
        services.AddSingleton(provider =>
            CreateDataSource(
                provider.GetRequiredService<DatabaseSettings>(),
                provider.GetRequiredService<ServerChange>()
            )
        );
        // A pool: to set up a context takes longer than to read a challenge.
        services.AddDbContextPool<ExactDbContext>(
            (provider, options) =>
                options
                    .UseExact(provider.GetRequiredService<NpgsqlDataSource>())
                    .UseNpgsql(npgsql =>
                        npgsql.CommandTimeout(provider.GetRequiredService<DatabaseSettings>().QuerySeconds)
                    )
                    .ConfigureWarnings(warnings => warnings.Log([.. Failures.Select(e => (e, LogLevel.Debug))]))
        );

        services.AddSettings<MigrationOptions>();
        services.AddSingleton<SchemaState>();
        services.AddSingleton<MigratorConnection>();
        services.AddSingleton<ServerWait>();
        services.AddSingleton<ReadinessCheck>();
        services.AddSingleton<SchemaWatch>();
        services.AddSingleton<DatabaseOpener>();
        services.AddSingleton<MigrationJournal>();
        services.AddSingleton<DatabaseMigrator>();
        services.AddSingleton<MigrationStatusReader>();
        services.AddSingleton<MigrationScript>();
        services.AddSingleton<MigrationSql>();
        services.AddSingleton<MigrationForecast>();
        services.AddSingleton<MigrationRehearsal>();
        services.AddSingleton<SchemaAdoption>();
        services.AddSingleton<StandingsCheck>();

        services.AddMetrics();
        services.AddSingleton<OperationTelemetry>();
        services.AddSingleton<OperationTurns>();
        services.AddSingleton<OperationJournal>();
        services.AddTransfer();
        services.AddFiles();
        services.AddBackups();
        services.AddExactAccounts();
        services.AddSubmissionQueue();
        return services;
    }

    private static NpgsqlDataSource CreateDataSource(DatabaseSettings settings, ServerChange server)
    {
        var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString) { Name = "exact" };
        builder.ConnectionStringBuilder.CommandTimeout = 0; // see CreateShortCommand
        if (builder.ConnectionStringBuilder.MaxAutoPrepare is 0 && !settings.MayBePooled)
        {
            // PostgreSQL plans what it is asked often only once; in transaction mode a pooler would lose the plans.
            builder.ConnectionStringBuilder.MaxAutoPrepare = PreparedStatements;
        }

        if (builder.ConnectionStringBuilder.Password is null && settings.ReadPassword() is not null)
        {
            builder.UsePasswordProvider(
                _ => settings.ReadPassword()!,
                (_, _) => ValueTask.FromResult(settings.ReadPassword()!)
            );
        }

        builder.UsePhysicalConnectionInitializer(server.Compare, connection => server.CompareAsync(connection));
        return builder.Build();
    }
}
