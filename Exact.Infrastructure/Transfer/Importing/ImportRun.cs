using Exact.Infrastructure.Database;
using Exact.Infrastructure.Transfer.Importing.Merging;
using Exact.Infrastructure.Transfer.Importing.Staging;
using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Reading;
using Exact.Infrastructure.Transfer.Wire;
using Npgsql;

namespace Exact.Infrastructure.Transfer.Importing;

/// <summary>One import in its transaction: first all of the file is read, then it is merged.</summary>
internal sealed class ImportRun : IAsyncDisposable
{
    private const int ReportEvery = 128 * 1024;

    private readonly NpgsqlTransaction transaction;
    private readonly ImportOptions options;
    private readonly IProgress<ImportProgress>? progress;
    private readonly ImportSql sql;
    private readonly CopyChannel channel;
    private readonly StagingArea staging;
    private readonly RecordIntake intake;
    private readonly PacedStream source;
    private readonly FixtureReader reader;
    private readonly RecordParser parser;
    private readonly FixtureErrors errors;
    private ImportTally tally;

    public ImportRun(
        NpgsqlTransaction transaction,
        Stream source,
        FixtureTables tables,
        ImportOptions options,
        DateTimeOffset now,
        TimeProvider time,
        IProgress<ImportProgress>? progress
    )
    {
        this.transaction = transaction;
        this.options = options;
        this.progress = progress;
        errors = new FixtureErrors(ofFile: options.Source is null);
        sql = new ImportSql(transaction.Connection!);
        channel = new CopyChannel(transaction.Connection!);
        staging = new StagingArea(sql, channel, tables);
        intake = new RecordIntake(sql, channel, staging);
        this.source = new PacedStream(source, time);
        reader = new FixtureReader(this.source, options.Encoding) { IsFile = options.Source is null };
        parser = new RecordParser(tables, options, FixtureTimestamp.MicrosecondsOf(now.UtcDateTime));
        tally = new ImportTally(tables);
    }

    /// <summary>Reads the file into the staging area.</summary>
    /// <returns>The outcome if the file cannot be merged; null if it can.</returns>
    public async Task<ImportOutcome?> ReadAsync(CancellationToken cancellationToken)
    {
        await staging.CreateAsync(cancellationToken);
        try
        {
            await ReadRecordsAsync(cancellationToken);
        }
        catch (SourceStalledException)
        {
            return new ImportOutcome.Stalled(options.Patience);
        }

        if (reader.Fault is { Code: FixtureErrorCode.NotJson or FixtureErrorCode.NotUtf8 } notJson)
        {
            return new ImportOutcome.NotJson(options.Source is null ? notJson : notJson with { Place = null });
        }

        if (reader.Fault is { } fault)
        {
            errors.Add(fault);
        }

        if (errors.Count > 0)
        {
            return Rejected();
        }

        await intake.CompleteAsync(cancellationToken);
        return null;
    }

    /// <summary>Merges what was read into the tables.</summary>
    /// <returns>The outcome if something is wrong; null if nothing is.</returns>
    public async Task<ImportOutcome?> MergeAsync(CancellationToken cancellationToken)
    {
        try
        {
            await MergeAloneIfMustBeAsync(cancellationToken);
        }
        catch (PostgresException e) when (PostgresErrors.IsBlocked(e))
        {
            return new ImportOutcome.Blocked(options.LockWait);
        }

        return errors.Count > 0 ? Rejected() : null;
    }

    /// <summary>What was done, for the last thing that is left to do: to commit it.</summary>
    public ImportReport Report()
    {
        if (!options.DryRun)
        {
            Tell(tally, ImportPhase.Committing);
        }

        return tally.ToReport(options, reader.Records, reader.Bytes);
    }

    /// <summary>The outcome when PostgreSQL rejects the data.</summary>
    public ImportOutcome Refuse(PostgresException rejection)
    {
        errors.Add(FixtureError.OfFile(FixtureErrorCode.Refused, rejection.DescribeRejection()));
        return Rejected();
    }

    public async ValueTask DisposeAsync()
    {
        intake.Dispose();
        await channel.DisposeAsync();
        await reader.DisposeAsync();
        await source.DisposeAsync();
    }

    private async Task ReadRecordsAsync(CancellationToken cancellationToken)
    {
        var record = parser.Record;
        var reported = 0L;
        while (await reader.TryReadAsync(parser, cancellationToken))
        {
            tally.Read(record);
            errors.Add(record.Problems);
            errors.AddUnseen(record.MoreProblems);

            // After the first error nothing will be kept, but the rest is still checked.
            if (record.Table is not null && errors.Count == 0)
            {
                await intake.AddAsync(record, cancellationToken);

                // Others wait for a table that is filled, so the file has to come as fast as it is read, and to go on coming.
                if (
                    intake.IsWorthLoading(record)
                    && source.KeepsPace
                    && await intake.TryLoadAsync(record, cancellationToken)
                )
                {
                    source.Patience = options.Patience;
                }
            }

            if (reader.Bytes - reported >= ReportEvery)
            {
                reported = reader.Bytes;
                Tell(tally, ImportPhase.Reading);
            }
        }
    }

    /// <summary>
    /// Merges without keeping other writers out, as if there were none. Where one has come in between, a constraint of
    /// the database says so, and it is done again, from where it began, with the tables to itself.
    /// </summary>
    private async Task MergeAloneIfMustBeAsync(CancellationToken cancellationToken)
    {
        const string Staged = "staged";
        await transaction.SaveAsync(Staged, cancellationToken);
        var read = tally;
        try
        {
            tally = read.Copy();
            Tell(tally, ImportPhase.Merging);
            await NewMerge(alone: false).RunAsync(cancellationToken);
        }
        catch (PostgresException e) when (IsCollision(e))
        {
            await transaction.RollbackAsync(Staged, cancellationToken);
            tally = read;
            Tell(tally, ImportPhase.Merging);
            await NewMerge(alone: true).RunAsync(cancellationToken);
        }
    }

    private FixtureMerge NewMerge(bool alone) =>
        new(sql, staging, intake, options, tally, errors) { Alone = alone || options.Mode == ImportMode.Replace };

    private static bool IsCollision(PostgresException e) =>
        e.SqlState
            is PostgresErrorCodes.UniqueViolation
                or PostgresErrorCodes.ForeignKeyViolation
                or PostgresErrorCodes.NotNullViolation
                or PostgresErrorCodes.DeadlockDetected;

    private ImportOutcome.Rejected Rejected() => new(errors.First, errors.Count, errors.Orphans);

    private void Tell(ImportTally counts, ImportPhase phase) =>
        progress?.Report(counts.ToProgress(phase, reader.Records, reader.Bytes));
}
