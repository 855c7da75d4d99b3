using System.Reflection;
using Exact.Infrastructure.Backups;
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
/// Applies each pending migration exactly once, in any number of processes: wait → look → lock → look again → apply
/// → journal.
/// </summary>
internal sealed partial class DatabaseMigrator(
    DbContextOptions<ExactDbContext> contextOptions,
    MigratorConnection connections,
    DatabaseOpener database,
    MigrationJournal journal,
    BackupBeforeMigrating backups,
    SchemaState state,
    IOptions<MigrationOptions> options,
    TimeProvider time,
    ILogger<DatabaseMigrator> logger
)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private int running;

    private readonly bool hasSeeder = contextOptions.FindExtension<CoreOptionsExtension>()?.AsyncSeeder is not null;

    /// <summary>Whether a run of this process enters its phases in the <see cref="SchemaState"/> now.</summary>
    public bool IsRunning => Volatile.Read(ref running) > 0;

    /// <summary>Applies what is pending, or waits for the replica that does.</summary>
    /// <param name="actor">
    /// Who asks for it, for the journal: <c>startup</c>, <c>admin-key</c>, <c>command-line</c> or a user name.
    /// </param>
    /// <param name="cancellationToken">Ends the wait, or the current migration, which is rolled back.</param>
    /// <returns>The migrations that this process applied; none if another did, or nothing was pending.</returns>
    /// <exception cref="MigrationRefusedException">
    /// The database cannot be migrated from here; the message says why.
    /// </exception>
    public async Task<IReadOnlyList<string>> MigrateAsync(string actor, CancellationToken cancellationToken)
    {
        using var activity = Telemetry.StartMigrate(actor);
        var run = new MigrationRun(actor, time);
        Interlocked.Increment(ref running);
        try
        {
            while (!await TryApplyAsync(run, cancellationToken))
            {
                // another session was in the way, or the server went away: start over
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
            Interlocked.Decrement(ref running);
            await CloseAsync(run);
        }
    }

    /// <summary>Makes one attempt.</summary>
    /// <returns>Whether it succeeded, so that nothing is pending.</returns>
    private async Task<bool> TryApplyAsync(MigrationRun run, CancellationToken cancellationToken)
    {
        try
        {
            await ApplyAsync(run, cancellationToken);
            return true;
        }
        catch (Exception e)
            when (e is not MigrationRefusedException // its wait is over, whatever has caused it
                && (PostgresErrors.IsBlocked(e) || PostgresErrors.IsServerAway(e))
                && run.MayRetry(options.Value.RetryFor, e.Cause())
            )
        {
            LogRetrying(e.Cause());
            await Task.Delay(Pause.WithJitter(), time, cancellationToken);
            return false;
        }
    }

    /// <summary>
    /// Uses one session for everything, because when many replicas start together, connecting costs the server most.
    /// </summary>
    private async Task ApplyAsync(MigrationRun run, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        if (!hasSeeder && await IsCurrentAsync(connection, cancellationToken))
        {
            return;
        }

        await using var context = CreateContext(connection, run);
        if (!await IsWorkLeftAsync(context, cancellationToken))
        {
            return;
        }

        Refuse((await DatabaseSession.ReadAsync(connection, cancellationToken)).FindWriteObstacle(connections.Setting));
        await using var held = await LockAsync(connection, context, cancellationToken);
        if (held is null)
        {
            return; // another replica applied them while this one waited
        }

        using var holding = Telemetry.StartHolding();
        var pending = (await context.Database.GetPendingMigrationsAsync(cancellationToken)).ToList();
        if (pending.Count == 0 && await IsSeededAsync(context, cancellationToken))
        {
            return; // another replica applied them just before this one got the lock
        }

        await connections.LimitAsync(connection, cancellationToken);
        await RefuseUnrecordedAsync(connection, context, cancellationToken);
        string[] tables = [MigrationHistory.Name, .. CompiledSchema.Current.Tables];
        Refuse(await MigratorRights.FindObstacleAsync(connection, tables, cancellationToken));
        run.Plan(pending);
        if (pending.Count == 0)
        {
            LogSeeding();
        }
        else
        {
            LogApplying(pending.Count, string.Join(", ", pending));
            await BackUpAsync(connection, run, cancellationToken);
        }

        foreach (
            var index in await ConcurrentIndexes.DropLeftoversAsync(context, pending, connection, cancellationToken)
        )
        {
            LogDropped(index);
        }

        await context.Database.MigrateAsync(cancellationToken);
        run.Complete(hasSeeder ? context.Database.GetMigrations().Last() : null);
        LogApplied(run.Applied.Count, run.Elapsed.TotalSeconds);
        await CloseAsync(run); // still under the lock: the next holder reads the journal
    }

    /// <summary>Once a run: an attempt that was stopped has changed no data.</summary>
    private async Task BackUpAsync(NpgsqlConnection connection, MigrationRun run, CancellationToken cancellationToken)
    {
        if (!run.IsBackedUp)
        {
            state.Enter(SchemaPhase.Migrating, "Backing up the database before it is migrated.");
            await backups.TakeAsync(connection, run.Actor, cancellationToken);
            run.IsBackedUp = true;
        }
    }

    private async Task CloseAsync(MigrationRun run)
    {
        if (run.TryClose())
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
        var started = time.GetTimestamp();
        var held = await MigrationLock.AcquireAsync(
            connection,
            options.Value.LockWait,
            time,
            token => IsWorkLeftAsync(context, token),
            OnWaiting,
            cancellationToken
        );
        Telemetry.Waited(time.GetElapsedTime(started));
        return held;
    }

    /// <summary>Looks without EF Core, whose first use takes a quarter of a start.</summary>
    private async Task<bool> IsCurrentAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        await MigrationRecords.HasHistoryAsync(connection, cancellationToken)
        && !MigrationHash
            .All(contextOptions)
            .Keys.Except(await MigrationRecords.ReadIdsAsync(connection, cancellationToken))
            .Any();

    private async Task<bool> IsWorkLeftAsync(ExactDbContext context, CancellationToken cancellationToken) =>
        (await context.Database.GetPendingMigrationsAsync(cancellationToken)).Any()
        || !await IsSeededAsync(context, cancellationToken);

    /// <summary>
    /// EF Core seeds in a transaction of its own, so a process that is killed before it leaves the seeding to the next.
    /// </summary>
    private async Task<bool> IsSeededAsync(ExactDbContext context, CancellationToken cancellationToken) =>
        !hasSeeder
        || await MigrationJournal.IsSeededAsync(
            (NpgsqlConnection)context.Database.GetDbConnection(),
            context.Database.GetMigrations().Last(),
            cancellationToken
        );

    /// <summary>Refuses tables without a history; the first migration would only fail with "already exists".</summary>
    private static async Task RefuseUnrecordedAsync(
        NpgsqlConnection connection,
        ExactDbContext context,
        CancellationToken cancellationToken
    )
    {
        if (!(await context.Database.GetAppliedMigrationsAsync(cancellationToken)).Any())
        {
            Refuse(await SchemaAdoption.FindObstacleAsync(connection, cancellationToken));
        }
    }

    private static void Refuse(string? obstacle)
    {
        if (obstacle is not null)
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

    private ExactDbContext CreateContext(NpgsqlConnection connection, MigrationRun run)
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

    private void OnApplying(MigrationRun run, string migration)
    {
        run.StartMigration(migration);
        state.EnterMigration(migration, run.Number, run.Total, run.Obstacle);
        LogApplyingOne(migration, run.Number, run.Total);
    }

    private static string IdOf(Migration migration) => migration.GetType().GetCustomAttribute<MigrationAttribute>()!.Id;

    [LoggerMessage(2010, LogLevel.Information, "Waiting for {Holder}, which is migrating")]
    private partial void LogWaiting(string holder);

    [LoggerMessage(2011, LogLevel.Information, "Pending migrations: {Count} ({Migrations})")]
    private partial void LogApplying(int count, string migrations);

    [LoggerMessage(2012, LogLevel.Information, "Seeding: the replica that migrated ended before it seeded")]
    private partial void LogSeeding();

    [LoggerMessage(2013, LogLevel.Information, "Applying migration {Migration} ({Number} of {Total})")]
    private partial void LogApplyingOne(string migration, int number, int total);

    [LoggerMessage(2014, LogLevel.Information, "Applied migrations: {Count}, in {Seconds:0.000} s")]
    private partial void LogApplied(int count, double seconds);

    [LoggerMessage(2015, LogLevel.Warning, "Dropped index {Index}, which an interrupted concurrent build left behind")]
    private partial void LogDropped(string index);

    [LoggerMessage(2016, LogLevel.Warning, "Trying the migration again: {Reason}")]
    private partial void LogRetrying(string reason);
}
