using Exact.Infrastructure.Standings;
using Exact.Infrastructure.Transfer.Importing.Staging;
using Exact.Infrastructure.Transfer.Importing.Writing;
using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Reading;

namespace Exact.Infrastructure.Transfer.Importing.Merging;

/// <summary>
/// Decides, as sets, what the staged records change: finds their keys, checks everything (<see cref="FixtureChecks"/>), and has what is new
/// inserted and what differs updated. Others read and write meanwhile; only those who write a row that the import changes wait for its end,
/// and those who use a table that it fills (<see cref="DroppedIndexes"/>). Stops at errors, before anything is written.
/// </summary>
internal sealed class FixtureMerge(
    ImportSql sql,
    StagingArea staging,
    RecordIntake intake,
    ImportOptions options,
    ImportTally tally,
    FixtureErrors errors
)
{
    private readonly FixtureChecks checks = new(sql, staging, options, tally, errors);
    private readonly RowKeys keys = new(sql, tally);
    private readonly LeftOutRecords leftOut = new(staging, options, tally, errors);

    /// <summary>The tables that were empty before this import, and that this role may alter.</summary>
    private HashSet<string> filled = [];

    /// <summary>
    /// Keeps all other writers out. To mirror a file needs it, for a row that comes while the others are compared would
    /// stay.
    /// </summary>
    public required bool Alone { get; init; }

    private bool Updates => options.Mode is ImportMode.Merge or ImportMode.Replace;

    private IEnumerable<StagedTable> Staged => staging.Tables.Where(staged => staged.Count > 0);

    /// <summary>Those whose rows are not in their table yet.</summary>
    private IEnumerable<StagedTable> Waiting => Staged.Where(staged => !IsLoaded(staged));

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var locks = new MergeLocks(sql, staging);
        filled = await locks.TakeAsync(Waiting, Alone, cancellationToken);
        filled.UnionWith(Staged.Where(IsLoaded).Select(staged => staged.Table.Name));
        foreach (var staged in Waiting)
        {
            await PrepareAsync(staged, cancellationToken);
        }

        var superusers = new SuperuserGuard(sql, options, errors);
        await superusers.LookAsync(cancellationToken);
        if (options.Mode == ImportMode.Replace)
        {
            await DeleteAbsentAsync(staging.Tables, cancellationToken);
        }

        if (!await CheckAsync(cancellationToken))
        {
            return;
        }

        // Others who insert have to be led past our keys before we take them. A rollback does not lower a sequence again, so it is raised
        // when nothing can be refused any more where nobody else can insert.
        var sequences = new Sequences(sql, options);
        var shared = Staged.Where(staged => !Alone && !filled.Contains(staged.Table.Name)).ToList();
        await sequences.RaiseAsync(shared, table => [table.Staging, table.Name], cancellationToken);

        var renamed = await new RenamedParents(sql, staging, options).ReleaseAsync(
            Staged.Where(staged => !filled.Contains(staged.Table.Name)),
            cancellationToken
        );
        foreach (var staged in Staged)
        {
            await WriteAsync(staged, cancellationToken);
            if (errors.Count > 0)
            {
                return;
            }
        }

        if (Staged.Any(staged => Leases.Tables.Contains(staged.Table.Name)))
        {
            await Leases.SettleAsync(sql, cancellationToken);
        }

        await DeriveStandingsAsync(cancellationToken); // first: those of a challenge that was renamed have its old name
        foreach (var foreignKeys in renamed)
        {
            await foreignKeys.RebuildAsync(cancellationToken);
        }

        await superusers.RefuseIfNoneIsLeftAsync(cancellationToken);
        leftOut.Refuse();
        if (errors.Count == 0)
        {
            await sequences.RaiseAsync(Staged.Except(shared), table => [table.Name], cancellationToken);
        }
    }

    private bool IsLoaded(StagedTable staged) => intake.LoadOf(staged.Table) is { IsOpen: true };

    private async Task PrepareAsync(StagedTable staged, CancellationToken cancellationToken)
    {
        await keys.FindAsync(staged, cancellationToken);
        await keys.DropReplacedAsync(staged, cancellationToken);
        if (Updates && !filled.Contains(staged.Table.Name))
        {
            await RangesOf(staged).SortAsync(cancellationToken);
        }

        await AnalyzeAsync(staged.Table, cancellationToken);
    }

    private async Task DeleteAbsentAsync(IEnumerable<StagedTable> tables, CancellationToken cancellationToken)
    {
        var absent = new AbsentRows(sql, staging, tally);
        foreach (var staged in tables.Where(staged => !IsLoaded(staged)).Reverse())
        {
            await absent.DeleteAsync(staged.Table, cancellationToken);
        }
    }

    /// <summary>Checks all records that are staged; when any is wrong, also those that went straight into their table.</summary>
    /// <returns>Whether nothing is wrong.</returns>
    private async Task<bool> CheckAsync(CancellationToken cancellationToken)
    {
        foreach (var staged in Waiting)
        {
            await CheckAsync(staged, cancellationToken);
            if (options is { Mode: ImportMode.Replace, Orphans: WhenFound.Skip })
            {
                await DeleteAbsentAsync(staging.WithChildren(staged), cancellationToken);
            }
        }

        if (errors.Count > 0)
        {
            foreach (var staged in Staged.Where(IsLoaded))
            {
                await TakeBackAsync(staged, cancellationToken);
            }
        }
        else
        {
            leftOut.Refuse();
        }

        return errors.Count == 0;
    }

    private Task CheckAsync(StagedTable staged, CancellationToken cancellationToken) =>
        checks.RunAsync(staged, filled.Contains(staged.Table.Name), cancellationToken);

    private async Task WriteAsync(StagedTable staged, CancellationToken cancellationToken)
    {
        var table = staged.Table;
        var counts = tally[table];
        var load = intake.LoadOf(table);
        if (load is { IsOpen: true })
        {
            if (await load.TryCompleteAsync(cancellationToken))
            {
                counts.Created += staged.Count;
                tally.Invent(table, load.Invented);
                return;
            }

            // The checks tell which records they are, or leave them out.
            await TakeBackAsync(staged, cancellationToken);
            foreach (var child in staging.WithChildren(staged).Intersect(Waiting).Where(child => child != staged))
            {
                await CheckAsync(child, cancellationToken); // its parent may have been left out
            }

            if (errors.Count > 0)
            {
                return;
            }
        }

        var rows = new StagedSql(staged, filled.Contains(table.Name), options.Mode);
        var dropped = load?.Indexes;
        if (dropped is null && rows.IsEmpty && staged.Count >= DroppedIndexes.MinRows)
        {
            dropped = new DroppedIndexes(sql, table.Name);
            await dropped.DropAsync(filled, cancellationToken);
        }

        var insert = new BulkInsert(sql, rows);
        foreach (var field in table.Invented.Where(field => !staged.IsInAll(field)))
        {
            tally.Invent(table, [(field, await insert.CountWithoutAsync(field, cancellationToken))]);
        }

        // In this order: a row that somebody else adds meanwhile either breaks the unique key or is updated, and never passed over.
        counts.Created += await insert.RunAsync(cancellationToken);
        if (dropped is not null)
        {
            await dropped.RebuildAsync(cancellationToken);
            await sql.ExecuteAsync(table.AnalyzeSql(table.Name), cancellationToken);
        }

        var old = counts.Read - counts.Skipped - counts.Created;
        if (old > 0 && Updates)
        {
            await UpdateAsync(staged, rows, cancellationToken);
        }

        counts.Unchanged = old - counts.Updated;
        if (table.Membership is { } membership)
        {
            await new MembershipUpdate(sql, rows).RunAsync(membership, cancellationToken);
        }
    }

    private Task DeriveStandingsAsync(CancellationToken cancellationToken) =>
        Staged.Any(staged => intake.LoadOf(staged.Table) is { FillsStandings: true })
            ? DeferredStandings.FillAsync(sql, cancellationToken)
            : DeferredStandings.RefreshAsync(sql, cancellationToken);

    private async Task UpdateAsync(StagedTable staged, StagedSql rows, CancellationToken cancellationToken)
    {
        var update = new RowUpdate(sql, rows);
        await foreach (var range in RangesOf(staged).ReadAsync(cancellationToken))
        {
            tally[staged.Table].Updated += await update.RunAsync(range, cancellationToken);
        }
    }

    private async Task TakeBackAsync(StagedTable staged, CancellationToken cancellationToken)
    {
        await intake.LoadOf(staged.Table)!.TakeBackAsync(cancellationToken);
        await AnalyzeAsync(staged.Table, cancellationToken);
        await CheckAsync(staged, cancellationToken);
    }

    /// <summary>Tells the planner how many records there are, and of the columns those that are looked up.</summary>
    private Task<long> AnalyzeAsync(FixtureTable table, CancellationToken cancellationToken)
    {
        var lookedUp = table.Fields.Where(field => field.Parent is not null).Union(table.Unique);
        var columns = lookedUp.Select(field => field.Column).Prepend("id");
        return sql.ExecuteAsync($"ANALYZE {table.Staging} ({string.Join(", ", columns)})", cancellationToken);
    }

    private KeyRanges RangesOf(StagedTable staged) => new(sql, staged.Table.Staging, staged.Count, options.PartRows);
}
