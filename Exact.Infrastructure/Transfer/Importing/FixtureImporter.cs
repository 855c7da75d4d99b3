using Exact.Infrastructure.Database;
using Exact.Infrastructure.Files;
using Exact.Infrastructure.Operations;
using Exact.Infrastructure.Standings;
using Exact.Infrastructure.Transfer.Archive;
using Exact.Infrastructure.Transfer.Importing.Merging;
using Exact.Infrastructure.Transfer.Importing.Writing;
using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Reading;
using Npgsql;

namespace Exact.Infrastructure.Transfer.Importing;

/// <summary>
/// Brings a fixture into the database: records → COPY into temporary tables → checks as sets → merge, parents before
/// children. One transaction: all of the file or nothing. Others read and write meanwhile (see
/// <see cref="FixtureMerge"/>). Many rows for an empty table go there directly (see <see cref="DirectLoad"/>).
/// </summary>
/// <param name="database">Where the records go.</param>
/// <param name="tables">The models.</param>
/// <param name="time">The clock.</param>
/// <param name="store">Where the files of a complete backup go; null if they are only checked.</param>
internal sealed class FixtureImporter(
    NpgsqlDataSource database,
    FixtureTables tables,
    TimeProvider time,
    IFileStore? store = null
)
{
    /// <summary>"exactimp" in ASCII: the advisory lock that only one import holds, on any replica.</summary>
    public const long Lock = 0x6578616374696D70;

    /// <summary>Imports the fixture that <paramref name="source"/> holds, from where it stands to its end.</summary>
    /// <param name="source">JSON, JSON lines or a complete backup, not compressed. It is read once, and left open.</param>
    /// <param name="options">What may be done.</param>
    /// <param name="progress">Told about every 128 KiB, on the thread that reads.</param>
    /// <param name="operation">The import's entry in the journal: its success is written in the transaction of the import.</param>
    /// <param name="cancellationToken">Ends the import; nothing is changed.</param>
    /// <exception cref="IOException"><paramref name="source"/> or the server failed; nothing was changed.</exception>
    /// <exception cref="NpgsqlException">The server failed; nothing was changed.</exception>
    public async Task<ImportOutcome> ImportAsync(
        Stream source,
        ImportOptions options,
        IProgress<ImportProgress>? progress = null,
        RunningOperation? operation = null,
        CancellationToken cancellationToken = default
    )
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        if (operation is not null)
        {
            await operation.JoinAsync(connection, cancellationToken);
        }

        if (!await TryPrepareAsync(connection, options, cancellationToken))
        {
            return new ImportOutcome.AlreadyRunning();
        }

        try
        {
            var now = time.GetUtcNow(); // before the file begins to arrive
            await using var file = new PeekedStream(source);
            await using var archive = await BackupArchive.TryOpenAsync(file, cancellationToken);
            await using var run = new ImportRun(
                transaction,
                archive?.Backup ?? file,
                tables,
                options,
                now,
                time,
                progress
            );
            return await RunAsync(run, archive, connection, options, operation, cancellationToken);
        }
        catch (Exception e) when (e is ArchiveException || BackupArchive.IsDamage(e))
        {
            var damage = e as ArchiveException ?? new ArchiveException("It was cut off.", e);
            return new ImportOutcome.NotJson(FixtureError.OfFile(FixtureErrorCode.DamagedArchive, damage.Message));
        }
    }

    private async Task<ImportOutcome> RunAsync(
        ImportRun run,
        BackupArchive? archive,
        NpgsqlConnection connection,
        ImportOptions options,
        RunningOperation? operation,
        CancellationToken cancellationToken
    )
    {
        await using var files = new RestoredFiles(connection, options.DryRun ? null : store);
        try
        {
            if (await run.ReadAsync(cancellationToken) is { } refused)
            {
                return refused;
            }

            // The files come before the merge, because they may take long, and the merge locks rows.
            var manifest = archive is null ? null : await files.ReceiveAsync(archive, cancellationToken);
            if (await run.MergeAsync(cancellationToken) is { } outcome)
            {
                return outcome;
            }

            await files.CompleteAsync(cancellationToken);
            var report = run.Report() with { Archive = manifest };
            if (options is { DryRun: true, Differences: > 0 and var limit })
            {
                var differences = new ImportDifferences(database, tables);
                report = report with
                {
                    Differences = await differences.ReadAsync(connection, limit, cancellationToken),
                };
            }

            if (!options.DryRun)
            {
                await (
                    operation?.CommitAsync(connection, report, cancellationToken)
                    ?? RunningOperation.CommitAsync(connection)
                );
                files.Keep();
            }

            return new ImportOutcome.Imported(report);
        }
        catch (PostgresException e) when (PostgresErrors.FaultOf(e) is DatabaseFault.BadData)
        {
            return run.Refuse(e); // also from COMMIT, which checks what is deferred
        }
        catch (CommitInDoubtException)
        {
            files.Keep(); // the rows may be committed
            throw;
        }
    }

    private static async Task<bool> TryPrepareAsync(
        NpgsqlConnection connection,
        ImportOptions options,
        CancellationToken cancellationToken
    )
    {
        // A large import takes its time, so the limits that protect requests are lifted. The lock timeout stays: everybody else queues
        // behind a session that waits for a table. To compile a statement (jit) takes longer than it saves, because each runs once. A
        // sample of 3,000 rows tells the planner as much about a large table as one of 30,000.
        var sql = $"""
            {TimeLimits.Lift(connection, local: true)}
            SET LOCAL lock_timeout = {options.LockWait.TotalMilliseconds};
            SET LOCAL jit = off;
            SET LOCAL row_security = off;
            SET LOCAL default_statistics_target = 10;
            SET LOCAL work_mem = '64MB';
            SET LOCAL maintenance_work_mem = '128MB';
            {DeferredStandings.Begin};
            SELECT pg_try_advisory_xact_lock({Lock})
            """;
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }
}
