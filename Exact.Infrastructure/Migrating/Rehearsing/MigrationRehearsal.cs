using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating.Drift;
using Exact.Infrastructure.Migrating.Forecast;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Exact.Infrastructure.Migrating.Rehearsing;

/// <summary>Applies what is pending to a copy of the database, and reports what that did (docs/migrations.md).</summary>
internal sealed class MigrationRehearsal(
    DbContextOptions<ExactDbContext> contextOptions,
    MigratorConnection connections,
    MigrationForecast forecast,
    TimeProvider time,
    ILogger<MigrationRehearsal> logger
)
{
    /// <summary>How long to wait for a locked table, or for the model.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Copies the database, applies what is pending to the copy, and drops the copy.</summary>
    /// <param name="onStep">Called with what it does next.</param>
    /// <param name="cancellationToken">Ends the rehearsal; the copy is dropped all the same.</param>
    /// <exception cref="MigrationRefusedException">The database cannot be copied; the message says why.</exception>
    public async Task<RehearsalReport> RunAsync(Action<string> onStep, CancellationToken cancellationToken)
    {
        await using var original = await connections.OpenAsync(cancellationToken);
        var session = await DatabaseSession.ReadAsync(original, cancellationToken);
        if ((session.FindObstacle(connections.Setting) ?? session.FindHistoryObstacle()) is { } obstacle)
        {
            throw new MigrationRefusedException(obstacle);
        }

        var (applied, pending) = await FindWorkAsync(original, cancellationToken);
        if (pending.Count == 0)
        {
            return new RehearsalReport();
        }

        onStep("Creating the scratch database");
        await using var scratch = await CreateScratchAsync(original.Database, cancellationToken);
        await using var copy = await OpenCopyAsync(scratch.Name, session.Schema!, cancellationToken);
        var observer = new TableObserver();
        await using var context = CreateContext(copy, observer);
        var report = new RehearsalReport { DroppedLeftovers = scratch.DroppedLeftovers };
        if (applied.Count > 0)
        {
            report = await CopyAsync(original, context, applied[^1], report, onStep, cancellationToken);
        }

        report = await ApplyAsync(context, pending, observer, report, onStep, cancellationToken);
        return report.Error is null
            ? report with
            {
                Drift = await SchemaDrift.ReadAsync(copy, Patience, cancellationToken),
            }
            : report;
    }

    private async Task<ScratchDatabase> CreateScratchAsync(string like, CancellationToken cancellationToken)
    {
        try
        {
            // A unique index on lower(x) may be possible with one locale only.
            return await ScratchDatabase.CreateAsync(connections, "rehearsal", like, logger, cancellationToken);
        }
        catch (ScratchDatabaseException e)
        {
            throw new MigrationRefusedException(e.Message, e);
        }
    }

    private async Task<(IReadOnlyList<string> Applied, IReadOnlyList<string> Pending)> FindWorkAsync(
        NpgsqlConnection original,
        CancellationToken cancellationToken
    )
    {
        await using var context = new ExactDbContext(contextOptions);
        var known = context.Database.GetMigrations().ToList();
        var records = await MigrationRecords.ReadAppliedAsync(original, cancellationToken);
        var applied = records.Select(one => one.Id).ToList();
        var pending = known.Except(applied).ToList();
        return pending.Count == 0 || applied.SequenceEqual(known.Take(applied.Count))
            ? (applied, pending)
            : throw new MigrationRefusedException(
                "The applied migrations are not the first ones of this version, so it cannot build what the database "
                    + $"is now. Pending: {string.Join(", ", pending)}. Rehearse with the version that has all of them."
            );
    }

    /// <summary>The schema comes from the migrations, because PostgreSQL cannot write it out itself.</summary>
    private async Task<RehearsalReport> CopyAsync(
        NpgsqlConnection original,
        ExactDbContext context,
        string schema,
        RehearsalReport report,
        Action<string> onStep,
        CancellationToken cancellationToken
    )
    {
        var started = time.GetTimestamp();
        var copy = (NpgsqlConnection)context.Database.GetDbConnection();
        onStep($"Building the schema up to {schema}");
        await context.GetService<IMigrator>().MigrateAsync(schema, cancellationToken);
        var tables = (await TableObserver.ReadFilesAsync(copy, cancellationToken)).Keys.ToList();
        var differences = SchemaComparison.Compare(
            await SchemaCatalog.ReadAsync(copy, tables, Patience, cancellationToken),
            await SchemaCatalog.ReadAsync(original, tables, Patience, cancellationToken)
        );
        var copied = await DatabaseCopy.RunAsync(
            original,
            copy,
            table => onStep($"Copying {table}"),
            cancellationToken
        );
        await using var size = new NpgsqlCommand("SELECT pg_database_size(current_database())", copy);
        return report with
        {
            Tables = copied,
            Bytes = (long)(await size.ExecuteScalarAsync(cancellationToken))!,
            CopySeconds = time.GetElapsedTime(started).TotalSeconds,
            Differences = differences,
        };
    }

    private async Task<RehearsalReport> ApplyAsync(
        ExactDbContext context,
        IReadOnlyList<string> pending,
        TableObserver observer,
        RehearsalReport report,
        Action<string> onStep,
        CancellationToken cancellationToken
    )
    {
        var copy = (NpgsqlConnection)context.Database.GetDbConnection();
        var done = new List<RehearsedMigration>();
        foreach (var id in pending)
        {
            onStep($"Applying {id} ({done.Count + 1} of {pending.Count})");
            var before = await TableObserver.ReadFilesAsync(copy, cancellationToken);
            observer.Reset();
            var started = time.GetTimestamp();
            try
            {
                await context.GetService<IMigrator>().MigrateAsync(id, cancellationToken);
            }
            catch (Exception e) when (e.GetBaseException() is PostgresException && !PostgresErrors.IsServerAway(e))
            {
                return report with { Migrations = done, Error = $"{id}: {e.Cause()}" };
            }

            var seconds = time.GetElapsedTime(started).TotalSeconds;
            var after = await TableObserver.ReadFilesAsync(copy, cancellationToken);
            var rewritten = before.Where(one => after.TryGetValue(one.Key, out var file) && file != one.Value);
            done.Add(new(id, seconds, LocksOf(id, observer, before), [.. rewritten.Select(one => one.Key)]));
        }

        return report with
        {
            Migrations = done,
        };
    }

    private IReadOnlyList<TableLock> LocksOf(string id, TableObserver observer, Dictionary<string, uint> existing)
    {
        var locks = observer.Locks.ToDictionary();
        foreach (var (table, (mode, _)) in forecast.LocksOf(id))
        {
            // What runs outside a transaction, as CREATE INDEX CONCURRENTLY, lets go of its locks before anybody looks.
            if (mode != MigrationForecast.AsItsSqlSays)
            {
                locks.TryAdd(table, mode);
            }
        }

        return
        [
            .. locks
                .Where(one => existing.ContainsKey(one.Key) && one.Key != MigrationHistory.Name)
                .OrderBy(one => one.Key, StringComparer.Ordinal)
                .Select(one => new TableLock(one.Key, one.Value)),
        ];
    }

    private async Task<NpgsqlConnection> OpenCopyAsync(string name, string schema, CancellationToken cancellationToken)
    {
        var copy = await connections.OpenAsync(cancellationToken, name);
        await using var create = new NpgsqlCommand($"CREATE SCHEMA IF NOT EXISTS {schema}", copy);
        await create.ExecuteNonQueryAsync(cancellationToken);
        await connections.LimitAsync(copy, cancellationToken);
        return copy;
    }

    private ExactDbContext CreateContext(NpgsqlConnection copy, TableObserver observer)
    {
        var builder = new DbContextOptionsBuilder<ExactDbContext>(contextOptions);
        builder.AddInterceptors(new ConcurrentIndexes(), observer);
        var context = new ExactDbContext(builder.Options);
        context.Database.SetDbConnection(copy);
        context.Database.SetCommandTimeout(TimeSpan.Zero);
        return context;
    }
}
