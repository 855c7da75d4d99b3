using System.Diagnostics;
using System.Reflection;
using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>
/// Brings the schema to where this code needs it: wait for the server → look → lock → look again → apply → journal.
/// Safe at any time, in any number of processes: each pending migration is applied exactly once.
/// </summary>
internal sealed partial class DatabaseMigrator(
    DbContextOptions<ExactDbContext> contextOptions,
    MigratorConnection connections,
    ServerWait server,
    MigrationJournal journal,
    SchemaAdoption adoption,
    SchemaState state,
    IOptions<MigrationOptions> options,
    ILogger<DatabaseMigrator> logger
)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private readonly bool hasSeeder = contextOptions.FindExtension<CoreOptionsExtension>()?.AsyncSeeder is not null;

    /// <summary>Applies what is pending, or waits for whoever does.</summary>
    /// <param name="actor">Who asks for it, for the journal: <c>startup</c>, <c>admin-key</c>, <c>command-line</c> or a user name.</param>
    /// <param name="cancellationToken">Ends the wait, or the migration in progress, which is rolled back.</param>
    /// <returns>The migrations that this process applied; none where another one did, or nothing was pending.</returns>
    /// <exception cref="MigrationRefusedException">The database cannot be migrated from here; the message says why.</exception>
    public async Task<IReadOnlyList<string>> MigrateAsync(string actor, CancellationToken cancellationToken)
    {
        using var activity = Telemetry.StartMigrate(actor);
        var run = new MigrationRun(actor);
        try
        {
            while (!await TryApplyAsync(run, cancellationToken))
            {
                // somebody was in the way, or the server went away: begin from the start
            }

            return [.. run.Applied];
        }
        catch (Exception e)
        {
            run.Fail(e.Cause());
            throw;
        }
        finally
        {
            await EndAsync(run);
        }
    }

    /// <summary>Waits for the server and returns what is pending, in order. It changes nothing but a missing database.</summary>
    /// <exception cref="MigrationRefusedException">The database cannot be used from here; the message says why.</exception>
    public async Task<IReadOnlyList<string>> LookAsync(CancellationToken cancellationToken)
    {
        await using var connection = await server.OpenAsync(cancellationToken);
        await using var context = CreateContext(connection);
        return [.. await context.Database.GetPendingMigrationsAsync(cancellationToken)];
    }

    /// <summary>One turn.</summary>
    /// <returns>Whether it went to its end, so that nothing is pending any more.</returns>
    private async Task<bool> TryApplyAsync(MigrationRun run, CancellationToken cancellationToken)
    {
        try
        {
            await ApplyAsync(run, cancellationToken);
            return true;
        }
        catch (Exception e)
            when ((PostgresErrors.IsBlocked(e) || PostgresErrors.IsServerAway(e))
                && run.MayTryAgain(options.Value.RetryFor)
            )
        {
            LogRetrying(e.Cause());
            await Task.Delay(Pause * (0.5 + Random.Shared.NextDouble()), cancellationToken);
            return false;
        }
    }

    /// <summary>All in one session: when many replicas start together, their connections are what the server has most work with.</summary>
    private async Task ApplyAsync(MigrationRun run, CancellationToken cancellationToken)
    {
        await using var connection = await server.OpenAsync(cancellationToken);
        await using var context = CreateContext(connection, run);
        if (!await IsWorkLeftAsync(context, cancellationToken))
        {
            return;
        }

        await using var held = await LockAsync(connection, context, cancellationToken);
        if (held is null)
        {
            return; // another replica has applied them while this one waited
        }

        using var holding = Telemetry.StartHolding();
        var pending = (await context.Database.GetPendingMigrationsAsync(cancellationToken)).ToList();
        if (pending.Count == 0 && await IsSeededAsync(context, cancellationToken))
        {
            return; // or just before it got the lock
        }

        await connections.LimitAsync(connection, cancellationToken);
        await RefuseUnrecordedAsync(connection, context, cancellationToken);
        run.Start(pending);
        if (pending.Count == 0)
        {
            LogSeeding();
        }
        else
        {
            LogApplying(pending.Count, string.Join(", ", pending));
        }

        foreach (
            var index in await ConcurrentIndexes.DropLeftoversAsync(context, pending, connection, cancellationToken)
        )
        {
            LogDropped(index);
        }

        await context.Database.MigrateAsync(cancellationToken);
        run.Finish(hasSeeder ? context.Database.GetMigrations().Last() : null);
        LogApplied(run.Applied.Count, run.Elapsed.TotalSeconds);
        await EndAsync(run); // with the lock, for whoever gets it next asks the journal what is left to do
    }

    private async Task EndAsync(MigrationRun run)
    {
        if (run.TryEnd())
        {
            Telemetry.RunEnded(run.Error is null);
            await journal.WriteAsync(run);
        }
    }

    private async Task<MigrationLock?> LockAsync(
        NpgsqlConnection connection,
        ExactDbContext context,
        CancellationToken cancellationToken
    )
    {
        using var activity = Telemetry.StartLockWait();
        var started = Stopwatch.GetTimestamp();
        var held = await MigrationLock.AcquireAsync(
            connection,
            options.Value.LockWait,
            token => IsWorkLeftAsync(context, token),
            OnWaiting,
            cancellationToken
        );
        Telemetry.Waited(Stopwatch.GetElapsedTime(started));
        return held;
    }

    private async Task<bool> IsWorkLeftAsync(ExactDbContext context, CancellationToken cancellationToken) =>
        (await context.Database.GetPendingMigrationsAsync(cancellationToken)).Any()
        || !await IsSeededAsync(context, cancellationToken);

    /// <summary>EF seeds after the last migration, in another transaction: who is killed in between leaves that to the next.</summary>
    private async Task<bool> IsSeededAsync(ExactDbContext context, CancellationToken cancellationToken) =>
        !hasSeeder
        || await MigrationJournal.IsSeededAsync(
            (NpgsqlConnection)context.Database.GetDbConnection(),
            context.Database.GetMigrations().Last(),
            cancellationToken
        );

    /// <summary>Without this, the first migration would fail on the first table that is there, and say no more than that.</summary>
    private async Task RefuseUnrecordedAsync(
        NpgsqlConnection connection,
        ExactDbContext context,
        CancellationToken cancellationToken
    )
    {
        if (
            !(await context.Database.GetAppliedMigrationsAsync(cancellationToken)).Any()
            && await adoption.FindObstacleAsync(connection, SchemaAdoption.Patience, cancellationToken) is { } obstacle
        )
        {
            throw new MigrationRefusedException(obstacle);
        }
    }

    private void OnWaiting(LockHolder? holder)
    {
        var name = holder?.ToString() ?? "another session";
        state.Enter(SchemaPhase.WaitingForLock, $"Waiting for {name}, which is migrating.");
        LogWaiting(name);
    }

    private ExactDbContext CreateContext(NpgsqlConnection connection, MigrationRun? run = null)
    {
        var builder = new DbContextOptionsBuilder<ExactDbContext>(contextOptions);
        builder.AddInterceptors(new ConcurrentIndexes());
        builder.LogTo(
            (id, _) => id == RelationalEventId.MigrationApplying,
            data => OnApplying(run, IdOf(((MigrationEventData)data).Migration))
        );
        var context = new ExactDbContext(builder.Options);
        context.Database.SetDbConnection(connection);
        context.Database.SetCommandTimeout(options.Value.CommandTimeout);
        return context;
    }

    private void OnApplying(MigrationRun? run, string migration)
    {
        if (run is not null)
        {
            run.Begin(migration);
            state.EnterMigration(migration, run.Number, run.Total);
            LogApplyingOne(migration, run.Number, run.Total);
        }
    }

    private static string IdOf(Migration migration) => migration.GetType().GetCustomAttribute<MigrationAttribute>()!.Id;

    [LoggerMessage(LogLevel.Information, "Waiting for {Holder}, which is migrating")]
    private partial void LogWaiting(string holder);

    [LoggerMessage(LogLevel.Information, "Applying {Count} pending migrations: {Migrations}")]
    private partial void LogApplying(int count, string migrations);

    [LoggerMessage(LogLevel.Information, "Seeding, which the replica that migrated has not come to")]
    private partial void LogSeeding();

    [LoggerMessage(LogLevel.Information, "Applying migration {Migration} ({Number} of {Total})")]
    private partial void LogApplyingOne(string migration, int number, int total);

    [LoggerMessage(LogLevel.Information, "Applied {Count} migrations in {Seconds:0.000} s")]
    private partial void LogApplied(int count, double seconds);

    [LoggerMessage(LogLevel.Warning, "Dropped index {Index}, which an interrupted concurrent build had left")]
    private partial void LogDropped(string index);

    [LoggerMessage(LogLevel.Warning, "Trying the migration again: {Reason}")]
    private partial void LogRetrying(string reason);
}
