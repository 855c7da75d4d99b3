namespace Exact.Infrastructure.Fixtures;

/// <summary>
/// From the staging area into the tables, as sets: find the keys, check (<see cref="FixtureChecks"/>), update what differs, insert what is new. Readers wait only where <see cref="TableFill"/> fills an empty table. Stops at the first table that has
/// errors, before it is written.
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

    private readonly FixtureChecks checks = new(sql, options, tally, errors);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await LockAsync(cancellationToken);
        await FindEmptyTablesAsync(cancellationToken);
        foreach (var staged in staging.Tables.Where(staged => staged.Count > 0))
        {
            await FindKeysAsync(staged, cancellationToken);
            await DropReplacedRecordsAsync(staged, cancellationToken);
            await sql.ExecuteAsync($"ANALYZE {staged.Table.Staging}", cancellationToken);
        }

        var hadSuperuser = await HasSuperuserAsync(cancellationToken);
        if (options.Mode == ImportMode.Replace)
        {
            await DeleteAbsentAsync(cancellationToken);
        }

        foreach (var staged in staging.Tables.Where(staged => staged.Count > 0))
        {
            await checks.RunAsync(staged, cancellationToken);
            if (errors.Count > 0)
            {
                return;
            }

            await MergeAsync(staged, cancellationToken);
        }

        if (options.Mode == ImportMode.Replace && hadSuperuser && !await HasSuperuserAsync(cancellationToken))
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

        if (!options.DryRun)
        {
            await RaiseSequencesAsync(cancellationToken);
        }
    }

    /// <summary>In one order, so that two transactions that lock them do not wait for one another.</summary>
    private Task<long> LockAsync(CancellationToken cancellationToken)
    {
        var names = staging.Tables.Select(staged => staged.Table.Name);
        return sql.ExecuteAsync(
            $"LOCK TABLE {string.Join(", ", names)} IN SHARE ROW EXCLUSIVE MODE",
            cancellationToken
        );
    }

    private async Task FindEmptyTablesAsync(CancellationToken cancellationToken)
    {
        foreach (var name in staging.Tables.Select(staged => staged.Table.Name))
        {
            await using var command = sql.Command(
                $"""
                SELECT NOT EXISTS (SELECT FROM {name})
                AND (SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = '{name}'::regclass)
                """
            );
            if (await command.ExecuteScalarAsync(cancellationToken) is true)
            {
                empty.Add(name);
            }
        }
    }

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
                SELECT record, dense_rank() OVER (ORDER BY {table.NaturalKey ?? "record"}) AS nth
                FROM {table.Staging} WHERE id IS NULL
            ) new,
            (
                SELECT greatest(
                    (SELECT max(id) FROM {table.Name}),
                    (SELECT max(id) FROM {table.Staging}),
                    (SELECT last_value FROM {await SequenceAsync(table, cancellationToken)}),
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

    private async Task DeleteAbsentAsync(CancellationToken cancellationToken)
    {
        foreach (var table in staging.Tables.Select(staged => staged.Table).Reverse())
        {
            tally[table].Deleted += await sql.ExecuteAsync(
                $"DELETE FROM {table.Name} t WHERE NOT EXISTS (SELECT FROM {table.Staging} s WHERE s.id = t.id)",
                cancellationToken
            );
        }
    }

    private async Task MergeAsync(StagedTable staged, CancellationToken cancellationToken)
    {
        var table = staged.Table;
        var merge = new MergeSql(staged);
        var counts = tally[table];
        var isEmpty = empty.Contains(table.Name);
        var fill = isEmpty && staged.Count >= TableFill.MinRows ? new TableFill(sql, table) : null;
        if (fill is not null)
        {
            await fill.BeginAsync(empty, cancellationToken);
        }

        var updated =
            isEmpty || options.Mode == ImportMode.Skip ? 0 : await sql.ExecuteAsync(merge.Update(), cancellationToken);
        var created = await sql.ExecuteAsync(merge.Insert(), cancellationToken);
        if (fill is not null)
        {
            await fill.CompleteAsync(cancellationToken);
        }

        counts.Updated += updated;
        counts.Created += created;
        counts.Unchanged = counts.Read - counts.Skipped - updated - created;
        if (table.Membership is { } membership)
        {
            await sql.ExecuteAsync(MergeSql.Regroup(table, membership), cancellationToken);
        }
    }

    private async Task RaiseSequencesAsync(CancellationToken cancellationToken)
    {
        foreach (var staged in staging.Tables.Where(staged => staged.Count > 0))
        {
            // Not undone by a rollback, so it comes last; and only upwards, so that no key is given out twice.
            var sequence = await SequenceAsync(staged.Table, cancellationToken);
            await sql.ExecuteAsync(
                $"""
                SELECT setval('{sequence}', used.id)
                FROM (SELECT max(id) AS id FROM {staged.Table.Name}) used, {sequence} sequence
                WHERE used.id > sequence.last_value OR (used.id = sequence.last_value AND NOT sequence.is_called)
                """,
                cancellationToken
            );
        }
    }

    private async Task<string> SequenceAsync(FixtureTable table, CancellationToken cancellationToken)
    {
        await using var command = sql.Command($"SELECT pg_get_serial_sequence('{table.Name}', 'id')");
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private async Task<bool> HasSuperuserAsync(CancellationToken cancellationToken) =>
        await sql.ScalarAsync("SELECT count(*) FROM users WHERE is_superuser AND is_active", cancellationToken) > 0;
}
