using Exact.Infrastructure.Operations;
using Npgsql;

namespace Exact.Infrastructure.Fixtures;

/// <summary>
/// Brings a fixture into the database: records → COPY into temporary tables → checks as sets → merge, parents before children. One transaction:
/// all of the file or nothing. Others read and write meanwhile (see <see cref="FixtureMerge"/>). Many rows for an empty table go there
/// straight away (see <see cref="DirectFill"/>).
/// </summary>
internal sealed class FixtureImporter(NpgsqlDataSource database, FixtureTables tables, TimeProvider time)
{
    /// <summary>"exactimp" in ASCII: the advisory lock that only one import holds, on any replica.</summary>
    public const long Lock = 0x6578616374696D70;

    /// <summary>Imports the fixture that <paramref name="source"/> holds, from where it stands to its end.</summary>
    /// <param name="source">JSON or JSON lines, not compressed. It is read once, and left open.</param>
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

        await using var reader = new FixtureReader(source, time);
        await using var staging = new StagingArea(connection, tables);
        await staging.CreateAsync(cancellationToken);
        var tally = new ImportTally(tables);
        var errors = new FixtureErrors();
        await StageAsync(reader, staging, options, tally, errors, progress, cancellationToken);
        if (reader.Fault is { Code: FixtureErrorCode.NotJson } fault)
        {
            return new ImportOutcome.NotJson(fault);
        }

        if (reader.IsStalled)
        {
            return new ImportOutcome.Stalled(options.Patience);
        }

        if (errors.Count == 0)
        {
            try
            {
                tally = await MergeAsync(transaction, staging, options, tally, errors, TellMerging, cancellationToken);
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable)
            {
                return new ImportOutcome.Blocked(options.LockWait);
            }
        }

        if (errors.Count > 0)
        {
            return new ImportOutcome.Rejected(errors.First, errors.Count, errors.Orphans);
        }

        var report = tally.ToReport(options, reader) with { Source = options.Source };
        if (!options.DryRun)
        {
            progress?.Report(tally.ToProgress(ImportPhase.Committing, reader));
            if (operation is not null)
            {
                await operation.SucceedAsync(connection, report, cancellationToken);
            }

            // From here on it is too late to cancel: half an answer would not tell what became of it.
            await transaction.CommitAsync(CancellationToken.None);
        }

        return new ImportOutcome.Imported(report);

        void TellMerging(ImportTally counts) => progress?.Report(counts.ToProgress(ImportPhase.Merging, reader));
    }

    private static async Task<bool> TryPrepareAsync(
        NpgsqlConnection connection,
        ImportOptions options,
        CancellationToken cancellationToken
    )
    {
        // A large import takes its time; the limits that protect requests are not for it. But whoever waits for a table lock makes
        // everybody else queue behind. To compile a statement (jit) takes longer than it saves: each runs once. Nor is it worth while to
        // look at 30,000 rows of a table to see that it is large: 3,000 tell the planner as much.
        var sql = $"""
            SET LOCAL statement_timeout = 0;
            SET LOCAL lock_timeout = {options.LockWait.TotalMilliseconds};
            SET LOCAL idle_in_transaction_session_timeout = 0;
            SET LOCAL jit = off;
            SET LOCAL row_security = off;
            SET LOCAL default_statistics_target = 10;
            SET LOCAL work_mem = '64MB';
            SET LOCAL maintenance_work_mem = '128MB';
            SELECT pg_try_advisory_xact_lock({Lock})
            """;
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    /// <summary>
    /// Merges without keeping other writers out, as if there were none. Where one has come in between, a constraint of the database says so,
    /// and it is done again, from where it began, with the tables to itself.
    /// </summary>
    private static async Task<ImportTally> MergeAsync(
        NpgsqlTransaction transaction,
        StagingArea staging,
        ImportOptions options,
        ImportTally tally,
        FixtureErrors errors,
        Action<ImportTally> tell,
        CancellationToken cancellationToken
    )
    {
        const string Staged = "staged";
        var sql = new ImportSql(transaction.Connection!);
        await transaction.SaveAsync(Staged, cancellationToken);
        try
        {
            var first = tally.Copy();
            tell(first);
            await new FixtureMerge(sql, staging, options, first, errors).RunAsync(cancellationToken);
            return first;
        }
        catch (PostgresException e) when (IsCollision(e))
        {
            await transaction.RollbackAsync(Staged, cancellationToken);
            tell(tally);
            try
            {
                await new FixtureMerge(sql, staging, options, tally, errors) { Alone = true }.RunAsync(
                    cancellationToken
                );
            }
            catch (PostgresException mistake) when (IsCollision(mistake))
            {
                errors.Add(Refused(mistake)); // it is not somebody else's doing
            }

            return tally;
        }
    }

    private static bool IsCollision(PostgresException e) =>
        e.SqlState
            is PostgresErrorCodes.UniqueViolation
                or PostgresErrorCodes.ForeignKeyViolation
                or PostgresErrorCodes.NotNullViolation
                or PostgresErrorCodes.DeadlockDetected;

    private static FixtureError Refused(PostgresException e) =>
        new(
            FixtureErrorCode.Refused,
            $"The table {e.TableName} refuses what the file makes of it: {e.MessageText}.", // its detail may be a whole row
            Record: null,
            Pointer: "#",
            Line: 1,
            ByteOffset: 0
        );

    private async Task StageAsync(
        FixtureReader reader,
        StagingArea staging,
        ImportOptions options,
        ImportTally tally,
        FixtureErrors errors,
        IProgress<ImportProgress>? progress,
        CancellationToken cancellationToken
    )
    {
        const int ReportEvery = 128 * 1024;
        var now = FixtureTimestamp.MicrosecondsOf(time.GetUtcNow().UtcDateTime);
        var record = new FixtureRecord(tables, options, now);
        var reported = 0L;
        while (await reader.TryReadAsync(record, cancellationToken))
        {
            tally.Read(record);
            errors.Add(record.Problems);
            errors.AddUnseen(record.MoreProblems);

            // After the first error nothing will be kept, but the rest is still checked.
            if (record.Table is not null && errors.Count == 0)
            {
                await staging.AddAsync(record, cancellationToken);

                // Others wait for a table that is filled, so the file has to come as fast as it is read, and to go on coming.
                if (
                    staging.IsWorthFilling(record)
                    && reader.KeepsPace
                    && await staging.TryFillAsync(record, cancellationToken)
                )
                {
                    reader.Patience = options.Patience;
                }
            }

            if (reader.Bytes - reported >= ReportEvery)
            {
                reported = reader.Bytes;
                progress?.Report(tally.ToProgress(ImportPhase.Reading, reader));
            }
        }

        if (reader.Fault is { Code: not FixtureErrorCode.NotJson } fault)
        {
            errors.Add(fault);
        }

        if (reader is { Fault: null, IsStalled: false } && errors.Count == 0)
        {
            await staging.CompleteAsync(cancellationToken);
        }
    }
}
