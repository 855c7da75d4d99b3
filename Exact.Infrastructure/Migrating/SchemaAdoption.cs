using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating.Drift;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>
/// Takes over a database that has Exact's tables and no history of migrations: one that a script built, or that was restored
/// without its history. It is compared with the model, and only if it is the same are the migrations recorded as applied.
/// </summary>
internal sealed partial class SchemaAdoption(
    DbContextOptions<ExactDbContext> contextOptions,
    MigratorConnection connections,
    ServerWait server,
    SchemaDrift drift,
    MigrationJournal journal,
    IOptions<MigrationOptions> options,
    ILogger<SchemaAdoption> logger
)
{
    /// <summary>How long to wait for the model, and for a table that somebody has locked.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Why the database, as it is, cannot be migrated but has to be adopted; null if nothing stands in the way.</summary>
    /// <param name="connection">An open connection to a database without applied migrations.</param>
    /// <param name="patience">How long to wait for the model, which takes a moment the first time.</param>
    /// <param name="cancellationToken">Ends the question.</param>
    /// <exception cref="TimeoutException">It took longer.</exception>
    public async Task<string?> FindObstacleAsync(
        NpgsqlConnection connection,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        var (tables, needed) = await drift.FindTablesAsync(connection, patience, cancellationToken);
        return tables.Count == 0
            ? null
            : $"Database \"{connection.Database}\" has {tables.Count} of the {needed} tables that the migrations would create "
                + $"({string.Join(", ", tables)}) but no history of migrations. If they are Exact's, run the command "
                + "\"migrate --adopt\": it compares them with what this version needs, and records the migrations as applied. "
                + "If they are another application's, give Exact a database of its own.";
    }

    /// <summary>Records all migrations as applied, if the database is what they would have made.</summary>
    /// <param name="actor">Who asks for it, for the journal.</param>
    /// <param name="cancellationToken">Ends the wait for another session that migrates.</param>
    /// <exception cref="MigrationRefusedException">There is nothing to adopt; the message says why.</exception>
    public async Task<Adoption> AdoptAsync(string actor, CancellationToken cancellationToken)
    {
        // A database that is missing has nothing to adopt, and the next line would create it.
        await (await connections.OpenAsync(cancellationToken)).DisposeAsync();

        await using var connection = await server.OpenAsync(cancellationToken);
        await connections.LimitAsync(connection, cancellationToken);
        await using var held = await MigrationLock.AcquireAsync(
            connection,
            options.Value.LockWait,
            onWaiting: holder => LogWaiting($"{holder}"),
            cancellationToken: cancellationToken
        );
        await using var context = new ExactDbContext(contextOptions);
        context.Database.SetDbConnection(connection);
        if (await IsRecordedAsync(context, cancellationToken))
        {
            return new Adoption([], []); // by whoever held the lock before us
        }

        if (await FindObstacleAsync(connection, Patience, cancellationToken) is null)
        {
            throw new MigrationRefusedException(
                $"Database \"{connection.Database}\" has none of Exact's tables, so there is nothing to adopt: run \"migrate\"."
            );
        }

        var differences = (await drift.ReadAsync(connection, Patience, cancellationToken))
            .Where(finding => !finding.Harmless)
            .ToList();
        return differences.Count > 0
            ? new Adoption([], differences)
            : new Adoption(await RecordAsync(context, actor, cancellationToken), []);
    }

    private static async Task<bool> IsRecordedAsync(ExactDbContext context, CancellationToken cancellationToken)
    {
        var applied = await context.Database.GetAppliedMigrationsAsync(cancellationToken);
        var pending = await context.Database.GetPendingMigrationsAsync(cancellationToken);
        return (applied.Any(), pending.Any()) switch
        {
            (false, _) => false,
            (true, false) => true,
            (true, true) => throw new MigrationRefusedException(
                $"Database \"{context.Database.GetDbConnection().Database}\" has a history of migrations, so there is nothing to "
                    + $"adopt; {pending.Count()} are pending: run \"migrate\"."
            ),
        };
    }

    private async Task<IReadOnlyList<string>> RecordAsync(
        ExactDbContext context,
        string actor,
        CancellationToken cancellationToken
    )
    {
        var run = new MigrationRun(actor) { IsAdoption = true };
        IReadOnlyList<string> migrations = [.. context.Database.GetMigrations()];
        run.Start(migrations);
        var history = context.GetService<IHistoryRepository>();
        await using (var transaction = await context.Database.BeginTransactionAsync(cancellationToken))
        {
            await ExecuteAsync(context, history.GetCreateIfNotExistsScript(), cancellationToken);
            foreach (var migration in migrations)
            {
                run.Begin(migration);
                var row = new HistoryRow(migration, ProductInfo.GetVersion());
                await ExecuteAsync(context, history.GetInsertScript(row), cancellationToken);
            }

            await transaction.CommitAsync(cancellationToken);
            run.Finish();
        }

        await journal.WriteAsync(run);
        LogAdopted(migrations.Count, string.Join(", ", migrations));
        return migrations;
    }

    /// <summary>EF Core would look for placeholders in the braces of a script.</summary>
    private static async Task ExecuteAsync(ExactDbContext context, string script, CancellationToken cancellationToken)
    {
        await using var command = context.Database.GetDbConnection().CreateCommand();
        command.CommandText = script;
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    [LoggerMessage(LogLevel.Information, "Waiting for {Holder}, which is migrating")]
    private partial void LogWaiting(string holder);

    [LoggerMessage(LogLevel.Warning, "Adopted the database: recorded {Count} migrations as applied: {Migrations}")]
    private partial void LogAdopted(int count, string migrations);
}

/// <summary>What became of an adoption.</summary>
/// <param name="Recorded">The migrations that are now recorded as applied; none if they were before, or if there are differences.</param>
/// <param name="Differences">Why the database was left as it is; none if it is now, or was before, Exact's.</param>
internal sealed record Adoption(IReadOnlyList<string> Recorded, IReadOnlyList<DriftFinding> Differences);
