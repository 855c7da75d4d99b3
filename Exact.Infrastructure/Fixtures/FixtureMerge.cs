namespace Exact.Infrastructure.Fixtures;

/// <summary>
/// From the staging area into the tables, as sets: find the keys, check everything (<see cref="FixtureChecks"/>), insert what is new, update
/// what differs. Others read and write meanwhile; only whoever writes a row that the import changes waits for its end, and whoever reads or
/// writes a table that it fills (<see cref="TableFill"/>). Stops at the first table that has errors, before anything is written.
/// </summary>
internal sealed class FixtureMerge(
    ImportSql sql,
    StagingArea staging,
    ImportOptions options,
    ImportTally tally,
    FixtureErrors errors
)
{
    /// <summary>The tables that this import fills, and that this role may alter.</summary>
    private readonly HashSet<string> empty = [];

    private readonly FixtureChecks checks = new(sql, staging, options, tally, errors);

    /// <summary>Keeps all other writers out. To mirror a file needs it, for a row that comes while the others are compared would stay.</summary>
    public bool Alone { get; init; } = options.Mode == ImportMode.Replace;

    private bool Updates => options.Mode is ImportMode.Merge or ImportMode.Replace;

    private IEnumerable<StagedTable> Staged => staging.Tables.Where(staged => staged.Count > 0);

    /// <summary>Those whose rows are not in their table yet.</summary>
    private IEnumerable<StagedTable> Waiting => Staged.Where(staged => staged.Direct is null);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await LockAsync(cancellationToken);
        foreach (var staged in Waiting)
        {
            await FindKeysAsync(staged, cancellationToken);
            await DropReplacedRecordsAsync(staged, cancellationToken);
            if (Updates && !empty.Contains(staged.Table.Name))
            {
                await PartsOf(staged).SortAsync(cancellationToken);
            }

            await AnalyzeAsync(staged.Table, cancellationToken);
        }

        var hadSuperuser = options.Mode == ImportMode.Replace && await HasSuperuserAsync(cancellationToken);
        if (options.Mode == ImportMode.Replace)
        {
            foreach (var staged in staging.Tables.Where(staged => staged.Direct is null).Reverse())
            {
                await DeleteAbsentAsync(staged.Table, cancellationToken);
            }
        }

        foreach (var staged in Waiting)
        {
            await CheckAsync(staged, cancellationToken);
            if (options is { Mode: ImportMode.Replace, Orphans: WhenFound.Skip })
            {
                await DeleteAbsentAsync(staged.Table, cancellationToken);
            }
        }

        if (errors.Count > 0)
        {
            await FindMoreErrorsAsync(cancellationToken);
            return;
        }

        RefuseWhatWasLeftOut();
        if (errors.Count > 0)
        {
            return;
        }

        // Others who insert have to be led past our keys before we take them. A rollback does not lower a sequence again, so it is raised
        // when nothing can be refused any more where nobody else can insert.
        var shared = Staged.Where(staged => !Alone && !empty.Contains(staged.Table.Name)).ToList();
        await RaiseSequencesAsync(shared, table => [table.Staging, table.Name], cancellationToken);

        var released = await ReleaseRenamedAsync(cancellationToken);
        foreach (var staged in Staged)
        {
            await MergeAsync(staged, cancellationToken);
            if (errors.Count > 0)
            {
                return;
            }
        }

        foreach (var foreignKeys in released)
        {
            await foreignKeys.CompleteAsync(cancellationToken);
        }

        if (hadSuperuser && !await HasSuperuserAsync(cancellationToken))
        {
            errors.Add(
                new FixtureError(
                    FixtureErrorCode.NoSuperuser,
                    "The platform would have no active superuser left.",
                    Record: null,
                    Pointer: "#",
                    Line: 1,
                    ByteOffset: 0,
                    Model: "auth.user"
                )
            );
            return;
        }

        RefuseWhatWasLeftOut();
        if (errors.Count > 0)
        {
            return;
        }

        await RaiseSequencesAsync(Staged.Except(shared), table => [table.Name], cancellationToken);
    }

    /// <summary>The file is refused: looks at the rows that went straight into their table, so that all errors are told at once.</summary>
    private async Task FindMoreErrorsAsync(CancellationToken cancellationToken)
    {
        foreach (var staged in Staged)
        {
            if (staged.Direct is { } direct)
            {
                await TakeBackAsync(staged, direct, cancellationToken);
            }
        }
    }

    /// <summary>A misspelled model would otherwise empty a table: no record takes the place of what is deleted.</summary>
    private void RefuseWhatWasLeftOut()
    {
        if (options.Mode != ImportMode.Replace)
        {
            return;
        }

        foreach (var (label, count) in tally.LeftOut)
        {
            if (!options.Confirmed.Any(name => FixtureLabel.IsNamed(label, name)))
            {
                errors.Add(
                    new FixtureError(
                        FixtureErrorCode.LeftOut,
                        $"mode=replace deletes what the file does not hold, and {Count(count)} of {label} would be left out. "
                            + $"Correct the file, or confirm the loss with confirm={label}.",
                        Record: null,
                        Pointer: "#",
                        Line: 1,
                        ByteOffset: 0,
                        Model: label
                    )
                );
            }
        }
    }

    private static string Count(long records) => records == 1 ? "1 record" : $"{records} records";

    /// <summary>
    /// Keeps writers out of the tables that must stay as they are found: all, or those that are to be filled. In one order, so that two
    /// transactions that lock them do not wait for one another.
    /// </summary>
    private async Task LockAsync(CancellationToken cancellationToken)
    {
        var empty = new List<string>();
        foreach (var staged in Waiting)
        {
            if (await IsEmptyAsync(staged.Table, cancellationToken))
            {
                empty.Add(staged.Table.Name);
            }
        }

        var all = staging.Tables.Select(staged => staged.Table);
        var locked = Alone
            ? [.. all.Select(table => table.Name), .. all.Select(table => table.Membership?.Table).OfType<string>()]
            : empty;
        if (locked.Count > 0)
        {
            await sql.ExecuteAsync(
                $"LOCK TABLE {string.Join(", ", locked)} IN SHARE ROW EXCLUSIVE MODE",
                cancellationToken
            );
        }

        // Somebody may have been quicker. What is filled already was empty when it was taken.
        foreach (var staged in Staged)
        {
            if (
                staged.Direct is not null
                || (empty.Contains(staged.Table.Name) && await IsEmptyAsync(staged.Table, cancellationToken))
            )
            {
                this.empty.Add(staged.Table.Name);
            }
        }
    }

    private Task<bool> IsEmptyAsync(FixtureTable table, CancellationToken cancellationToken) =>
        TableFill.IsPossibleAsync(sql, [table.Name], cancellationToken);

    /// <summary>A record without a key is the row with its natural key, as in Django, or a new one.</summary>
    private async Task FindKeysAsync(StagedTable staged, CancellationToken cancellationToken)
    {
        if (!staged.HasRowsWithoutKey)
        {
            return;
        }

        var table = staged.Table;
        if (table.NaturalKey is { } natural)
        {
            await sql.ExecuteAsync(
                $"""
                UPDATE {table.Staging} s SET id = t.id FROM {table.Name} t WHERE s.id IS NULL AND t.{natural} = s.{natural};
                UPDATE {table.Staging} s SET id = other.id
                FROM (SELECT {natural}, max(id) AS id FROM {table.Staging} WHERE id IS NOT NULL GROUP BY {natural}) other
                WHERE s.id IS NULL AND other.{natural} = s.{natural}
                """,
                cancellationToken
            );
        }

        // Above every key that is taken, will be taken by this file, or was given out by the sequence.
        await sql.ExecuteAsync(
            $"""
            UPDATE {table.Staging} s SET id = last.id + new.nth
            FROM (
                SELECT record, dense_rank() OVER (ORDER BY first) AS nth
                FROM (
                    SELECT record, min(record) OVER (PARTITION BY {table.NaturalKey ?? "record"}) AS first
                    FROM {table.Staging} WHERE id IS NULL
                ) keyless
            ) new,
            (
                SELECT greatest(
                    (SELECT max(id) FROM {table.Name}),
                    (SELECT max(id) FROM {table.Staging}),
                    (SELECT last_value - (NOT is_called)::int FROM {await SequenceAsync(table, cancellationToken)}),
                    0) AS id
            ) last
            WHERE s.record = new.record
            """,
            cancellationToken
        );
    }

    /// <summary>Of records with the same key, the last counts.</summary>
    private async Task DropReplacedRecordsAsync(StagedTable staged, CancellationToken cancellationToken)
    {
        if (staged.KeysRise)
        {
            return;
        }

        tally[staged.Table].Skipped += await sql.ExecuteAsync(
            $"""
            DELETE FROM {staged.Table.Staging} s
            USING (SELECT id, max(record) AS record FROM {staged.Table.Staging} GROUP BY id HAVING count(*) > 1) last
            WHERE s.id = last.id AND s.record < last.record
            """,
            cancellationToken
        );
    }

    private Task CheckAsync(StagedTable staged, CancellationToken cancellationToken) =>
        checks.RunAsync(staged, empty.Contains(staged.Table.Name), cancellationToken);

    /// <summary>Tells the planner how many records there are, and of the columns those that are looked up.</summary>
    private Task<long> AnalyzeAsync(FixtureTable table, CancellationToken cancellationToken)
    {
        var lookedUp = table.Fields.Where(field => field.Parent is not null).Union(table.Unique);
        var columns = lookedUp.Select(field => field.Column).Prepend("id");
        return sql.ExecuteAsync($"ANALYZE {table.Staging} ({string.Join(", ", columns)})", cancellationToken);
    }

    /// <summary>Deletes the rows that the file does not hold, and those that go with them.</summary>
    private async Task DeleteAbsentAsync(FixtureTable table, CancellationToken cancellationToken)
    {
        tally[table].Deleted += await sql.ExecuteAsync(
            $"DELETE FROM {table.Name} t WHERE NOT EXISTS (SELECT FROM {table.Staging} s WHERE s.id = t.id)",
            cancellationToken
        );
        foreach (var (column, parent) in table.Fields.Select(field => (field.Column, field.Parent)))
        {
            if (parent is not null)
            {
                var rows = staging.Tables.Single(staged => staged.Table.Name == parent.Table).Table.Staging;
                tally[table].Deleted += await sql.ExecuteAsync(
                    $"""
                    DELETE FROM {table.Name} t USING {parent.Table} p
                    WHERE p.{parent.Column} = t.{column} AND NOT EXISTS (SELECT FROM {rows} s WHERE s.id = p.id)
                    """,
                    cancellationToken
                );
            }
        }
    }

    /// <summary>
    /// Lets go of the foreign keys to rows that get another name: those who refer to them get it later in the merge. Rare enough to let readers
    /// wait.
    /// </summary>
    private async Task<List<Rebuilding>> ReleaseRenamedAsync(CancellationToken cancellationToken)
    {
        var released = new List<Rebuilding>();
        foreach (var table in Staged.Select(staged => staged.Table).Where(table => !empty.Contains(table.Name)))
        {
            foreach (var (child, reference) in staging.ReferencesByName(table))
            {
                var name = table.Find(reference.Parent!.Column)!;
                var renamed = await sql.ScalarAsync(
                    $"""
                    SELECT count(*) FROM {table.Staging} s JOIN {table.Name} t ON t.id = s.id
                    WHERE s.present & {1L << name.Index} <> 0 AND s.{name.Column} <> t.{name.Column}
                    """,
                    cancellationToken
                );
                if (renamed > 0 && options.Mode != ImportMode.Skip)
                {
                    var foreignKeys = new Rebuilding(sql, child);
                    await foreignKeys.DropForeignKeysAsync([table.Name], cancellationToken);
                    released.Add(foreignKeys);
                }
            }
        }

        return released;
    }

    private async Task MergeAsync(StagedTable staged, CancellationToken cancellationToken)
    {
        var table = staged.Table;
        var isEmpty = empty.Contains(table.Name);
        var merge = new MergeSql(staged, isEmpty, options.Mode);
        var counts = tally[table];
        if (staged.Direct is { } direct)
        {
            if (await direct.TryCompleteAsync(cancellationToken))
            {
                counts.Created += staged.Count;
                foreach (var (field, count) in direct.Invented)
                {
                    tally.Invent(table, field, count);
                }

                return;
            }

            // The checks tell which records they are, or leave them out.
            await TakeBackAsync(staged, direct, cancellationToken);
            if (errors.Count > 0)
            {
                return;
            }
        }

        var fill = staged.Fill;
        if (fill is null && isEmpty && staged.Count >= TableFill.MinRows)
        {
            fill = new TableFill(sql, table);
            await fill.BeginAsync(empty, cancellationToken);
        }

        foreach (var field in table.Invented.Where(field => !staged.IsInAll(field.Index)))
        {
            tally.Invent(table, field, await sql.ScalarAsync(merge.CountInvented(field), cancellationToken));
        }

        // In this order: a row that somebody else adds meanwhile either breaks the unique key or is updated, and never passed over.
        counts.Created += await sql.ExecuteAsync(merge.Insert(), cancellationToken);
        if (fill is not null)
        {
            await fill.CompleteAsync(cancellationToken);
        }

        var old = counts.Read - counts.Skipped - counts.Created;
        if (old > 0 && Updates)
        {
            await UpdateAsync(staged, merge, cancellationToken);
        }

        counts.Unchanged = old - counts.Updated;
        if (table.Membership is { } membership)
        {
            await sql.ExecuteAsync(merge.Regroup(membership), cancellationToken);
        }
    }

    private async Task TakeBackAsync(StagedTable staged, DirectFill direct, CancellationToken cancellationToken)
    {
        await staging.TakeBackAsync(staged, direct, cancellationToken);
        await AnalyzeAsync(staged.Table, cancellationToken);
        await CheckAsync(staged, cancellationToken);
    }

    private async Task UpdateAsync(StagedTable staged, MergeSql merge, CancellationToken cancellationToken)
    {
        await foreach (var part in PartsOf(staged).ReadAsync(cancellationToken))
        {
            tally[staged.Table].Updated += await sql.ExecuteAsync(merge.Update(part), cancellationToken);
        }
    }

    private MergeParts PartsOf(StagedTable staged) => new(sql, staged.Table.Staging, staged.Count, options.PartRows);

    /// <summary>To the highest key in <paramref name="places"/>. Only upwards, so that no key is given out twice.</summary>
    private async Task RaiseSequencesAsync(
        IEnumerable<StagedTable> tables,
        Func<FixtureTable, string[]> places,
        CancellationToken cancellationToken
    )
    {
        if (options.DryRun)
        {
            return;
        }

        var raise = tables.Select(staged =>
        {
            var highest = places(staged.Table).Select(place => $"(SELECT max(id) FROM {place})");
            return $"""
                SELECT setval(sequence, used) FROM (
                    SELECT pg_get_serial_sequence('{staged.Table.Name}', 'id')::regclass AS sequence,
                        greatest({string.Join(", ", highest)}) AS used
                ) highest
                WHERE used > coalesce(pg_sequence_last_value(sequence), 0)
                """;
        });
        await sql.ExecuteAllAsync(raise, cancellationToken);
    }

    private async Task<string> SequenceAsync(FixtureTable table, CancellationToken cancellationToken)
    {
        await using var command = sql.Command($"SELECT pg_get_serial_sequence('{table.Name}', 'id')");
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private async Task<bool> HasSuperuserAsync(CancellationToken cancellationToken) =>
        await sql.ScalarAsync("SELECT count(*) FROM users WHERE is_superuser AND is_active", cancellationToken) > 0;
}
