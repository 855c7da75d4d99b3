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
/// Adopts a database that has Exact's tables but no history: if it matches the model, the migrations are recorded as
/// applied.
/// </summary>
internal sealed partial class SchemaAdoption(
    DbContextOptions<ExactDbContext> contextOptions,
    MigratorConnection connections,
    DatabaseOpener database,
    MigrationJournal journal,
    IOptions<MigrationOptions> options,
    TimeProvider time,
    ILogger<SchemaAdoption> logger
)
{
    /// <summary>How long to wait for a locked table.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Finds why the database has to be adopted before it can be migrated; null if it can be migrated.
    /// </summary>
    /// <param name="connection">An open connection to a database without applied migrations.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    public static async Task<string?> FindObstacleAsync(
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        var needed = CompiledSchema.Current.Tables;
        var tables = await SchemaCatalog.FindTablesAsync(connection, needed, cancellationToken);
        return tables.Count == 0
            ? null
            : $"Database \"{connection.Database}\" has {tables.Count} of the {needed.Count} tables that the migrations would "
                + $"create ({string.Join(", ", tables)}) but no history of migrations. If the tables are Exact's, run "
                + "the command \"migrate --adopt\", which compares them with the model and records the migrations as "
                + "applied. If they belong to another application, give Exact a database of its own.";
    }

    /// <summary>Records all migrations as applied if the database matches the model.</summary>
    /// <param name="actor">Who asks for it, for the journal.</param>
    /// <param name="cancellationToken">Cancels the adoption.</param>
    /// <exception cref="MigrationRefusedException">There is nothing to adopt; the message says why.</exception>
    public async Task<Adoption> AdoptAsync(string actor, CancellationToken cancellationToken)
    {
        // Fails if the database is missing; the opener would create it.
        await (await connections.OpenAsync(cancellationToken)).DisposeAsync();

        await using var connection = await database.OpenAsync(cancellationToken);
        var session = await DatabaseSession.ReadAsync(connection, cancellationToken);
        if (session.FindWriteObstacle(connections.Setting) is { } readOnly)
        {
            throw new MigrationRefusedException(readOnly);
        }

        await connections.LimitAsync(connection, cancellationToken);
        await using var held = await MigrationLock.AcquireAsync(
            connection,
            options.Value.LockWait,
            time,
            onWaiting: holder => LogWaiting($"{holder}"),
            cancellationToken: cancellationToken
        );
        await using var context = new ExactDbContext(contextOptions);
        context.Database.SetDbConnection(connection);
        if (await IsRecordedAsync(context, cancellationToken))
        {
            return new Adoption([], []); // the previous holder of the lock recorded them
        }

        if (await FindObstacleAsync(connection, cancellationToken) is null)
        {
            throw new MigrationRefusedException(
                $"Database \"{connection.Database}\" has none of Exact's tables, so there is nothing to adopt. "
                    + "Run \"migrate\"."
            );
        }

        var differences = (await SchemaDrift.ReadAsync(connection, Patience, cancellationToken))
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
                $"Database \"{context.Database.GetDbConnection().Database}\" has a history of migrations, so there is "
                    + $"nothing to adopt. Pending migrations: {pending.Count()}. Run \"migrate\" to apply them."
            ),
        };
    }

    private async Task<IReadOnlyList<string>> RecordAsync(
        ExactDbContext context,
        string actor,
        CancellationToken cancellationToken
    )
    {
        var run = new MigrationRun(actor, time) { IsAdoption = true };
        IReadOnlyList<string> migrations = [.. context.Database.GetMigrations()];
        run.Plan(migrations);
        var history = context.GetService<IHistoryRepository>();
        await using (var transaction = await context.Database.BeginTransactionAsync(cancellationToken))
        {
            await ExecuteAsync(context, history.GetCreateIfNotExistsScript(), cancellationToken);
            foreach (var migration in migrations)
            {
                run.StartMigration(migration);
                var row = new HistoryRow(migration, ProductInfo.GetVersion());
                await ExecuteAsync(context, history.GetInsertScript(row), cancellationToken);
            }

            await transaction.CommitAsync(cancellationToken);
            run.Complete();
        }

        await journal.WriteAsync(run);
        LogAdopted(migrations.Count, string.Join(", ", migrations));
        return migrations;
    }

    /// <summary>Bypasses EF Core, which would treat braces in the script as placeholders.</summary>
    private static async Task ExecuteAsync(ExactDbContext context, string script, CancellationToken cancellationToken)
    {
        await using var command = context.Database.GetDbConnection().CreateCommand();
        command.CommandText = script;
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    [LoggerMessage(2030, LogLevel.Information, "Waiting for {Holder}, which is migrating")]
    private partial void LogWaiting(string holder);

    [LoggerMessage(
        2031,
        LogLevel.Warning,
        "Adopted the database. Migrations recorded as applied: {Count} ({Migrations})"
    )]
    private partial void LogAdopted(int count, string migrations);
}

/// <summary>The outcome of an adoption.</summary>
/// <param name="Recorded">
/// The migrations that were recorded; none if they already were, or if there are differences.
/// </param>
/// <param name="Differences">Why the database was not adopted; none if it is adopted.</param>
internal sealed record Adoption(IReadOnlyList<string> Recorded, IReadOnlyList<DriftFinding> Differences);
