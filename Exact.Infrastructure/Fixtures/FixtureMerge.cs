using Npgsql;

namespace Exact.Infrastructure.Fixtures;

/// <summary>
/// From the staging area into the tables, as sets: find the keys, check what only the whole file and the database together can tell, update what
/// differs, insert what is new. Readers wait only where <see cref="TableFill"/> fills an empty table. Stops at the first table that has
/// errors, before it is written.
/// </summary>
internal sealed class FixtureMerge(
    NpgsqlConnection connection,
    StagingArea staging,
    ImportOptions options,
    ImportTally tally,
    FixtureErrors errors
)
{
    /// <summary>The tables that this import fills, and that this role may alter.</summary>
    private readonly HashSet<string> empty = [];

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await LockAsync(cancellationToken);
        await FindEmptyTablesAsync(cancellationToken);
        foreach (var staged in staging.Tables.Where(staged => staged.Count > 0))
        {
            await FindKeysAsync(staged, cancellationToken);
            await DropReplacedRecordsAsync(staged, cancellationToken);
            await ExecuteAsync($"ANALYZE {staged.Table.Staging}", cancellationToken);
        }

        var hadSuperuser = await HasSuperuserAsync(cancellationToken);
        if (options.Mode == ImportMode.Replace)
        {
            await DeleteAbsentAsync(cancellationToken);
        }

        foreach (var staged in staging.Tables.Where(staged => staged.Count > 0))
        {
            await CheckAsync(staged, cancellationToken);
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
        return ExecuteAsync($"LOCK TABLE {string.Join(", ", names)} IN SHARE ROW EXCLUSIVE MODE", cancellationToken);
    }

    private async Task FindEmptyTablesAsync(CancellationToken cancellationToken)
    {
        foreach (var name in staging.Tables.Select(staged => staged.Table.Name))
        {
            await using var command = Command(
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
            await ExecuteAsync(
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
        await ExecuteAsync(
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

        tally[staged.Table].Skipped += await ExecuteAsync(
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
            tally[table].Deleted += await ExecuteAsync(
                $"DELETE FROM {table.Name} t WHERE NOT EXISTS (SELECT FROM {table.Staging} s WHERE s.id = t.id)",
                cancellationToken
            );
        }
    }

    private async Task CheckAsync(StagedTable staged, CancellationToken cancellationToken)
    {
        var table = staged.Table;
        var exists = $"EXISTS (SELECT FROM {table.Name} t WHERE t.id = s.id)";
        if (options.Mode == ImportMode.Skip)
        {
            tally[table].Skipped += await ExecuteAsync(
                $"DELETE FROM {table.Staging} s WHERE {exists}",
                cancellationToken
            );
        }
        else if (options.Mode == ImportMode.Fail)
        {
            await RefuseAsync(
                table,
                (string?)null,
                FixtureErrorCode.Exists,
                exists,
                "the row exists.",
                cancellationToken
            );
        }

        foreach (var field in table.Fields.Where(field => field.Required && !staged.IsInAll(field.Index)))
        {
            var isMissing = $"{IsPresent(field.Index)} = 0 AND NOT {exists}";
            var detail = $"a new {table.Label} needs '{field.Name}'.";
            await RefuseAsync(table, field, FixtureErrorCode.Required, isMissing, detail, cancellationToken);
        }

        foreach (var field in table.Fields.Where(field => field.Parent is not null))
        {
            await CheckParentAsync(staged, field, field.Parent!, cancellationToken);
        }

        foreach (var field in table.Unique)
        {
            await CheckUniqueAsync(table, field, cancellationToken);
        }

        if (table.Membership is { } membership)
        {
            await CheckMembershipAsync(table, membership, cancellationToken);
        }
    }

    private async Task CheckParentAsync(
        StagedTable staged,
        FixtureField field,
        FixtureParent parent,
        CancellationToken cancellationToken
    )
    {
        var table = staged.Table;
        if (staged.HasNaturalReferences && field.ByNaturalKey)
        {
            await ExecuteAsync(
                $"""
                UPDATE {table.Staging} s SET {field.Column} = p.{parent.Column} FROM {parent.Table} p
                WHERE s.{field.Column} IS NULL AND p.{parent.NaturalKey} = s.{field.NaturalColumn}
                """,
                cancellationToken
            );
        }

        var isOrphan =
            $"{IsPresent(field.Index)} <> 0 AND NOT EXISTS (SELECT FROM {parent.Table} p WHERE p.{parent.Column} = s.{field.Column})";
        if (options.Orphans == WhenFound.Skip)
        {
            tally[table].Skipped += await ExecuteAsync(
                $"DELETE FROM {table.Staging} s WHERE {isOrphan}",
                cancellationToken
            );
            return;
        }

        var value = field.ByNaturalKey
            ? $"coalesce(s.{field.Column}::text, s.{field.NaturalColumn})"
            : $"s.{field.Column}::text";
        var detail = $"is neither in the file nor in the database ({parent.Table}.{parent.Column}).";
        await RefuseAsync(table, field, FixtureErrorCode.Orphan, isOrphan, detail, cancellationToken, value);
    }

    private async Task CheckUniqueAsync(FixtureTable table, FixtureField field, CancellationToken cancellationToken)
    {
        var column = field.Column;
        var isTaken = $"""
            {IsPresent(field.Index)} <> 0
            AND EXISTS (SELECT FROM {table.Name} t WHERE t.{column} = s.{column} AND t.id <> s.id)
            """;
        var isTwice = $"""
            s.record IN (
                SELECT record FROM (
                    SELECT record, row_number() OVER (PARTITION BY {column} ORDER BY record) AS nth
                    FROM {table.Staging} WHERE present & {1L << field.Index} <> 0 AND {column} IS NOT NULL
                ) same WHERE nth > 1
            )
            """;
        var value = $"s.{column}::text";
        await RefuseAsync(
            table,
            field,
            FixtureErrorCode.Taken,
            isTaken,
            "belongs to another row of the database.",
            cancellationToken,
            value
        );
        await RefuseAsync(
            table,
            field,
            FixtureErrorCode.Taken,
            isTwice,
            "belongs to an earlier record of the file.",
            cancellationToken,
            value
        );
    }

    private async Task CheckMembershipAsync(
        FixtureTable table,
        FixtureMembership membership,
        CancellationToken cancellationToken
    )
    {
        var other = membership.OtherColumn;
        var isMissing = $"NOT EXISTS (SELECT FROM {membership.Other} o WHERE o.id = m.{other})";
        await ExecuteAsync(
            $"""
            UPDATE {membership.Staging} m SET {other} = o.id FROM {membership.Other} o
            WHERE m.{other} IS NULL AND o.{membership.OtherNaturalKey} = m.natural_key;
            DELETE FROM {membership.Staging} m WHERE NOT EXISTS (SELECT FROM {table.Staging} s WHERE s.record = m.record);
            CREATE INDEX ON {membership.Staging} (record);
            ANALYZE {membership.Staging}
            """,
            cancellationToken
        );
        if (options.Orphans == WhenFound.Skip)
        {
            var left = await ExecuteAsync($"DELETE FROM {membership.Staging} m WHERE {isMissing}", cancellationToken);
            if (left > 0)
            {
                tally.Ignore($"{table.Label}.{membership.Field}", left);
            }
        }
        else
        {
            await RefuseAsync(
                table,
                membership.Field,
                FixtureErrorCode.Orphan,
                $"EXISTS (SELECT FROM {membership.Staging} m WHERE m.record = s.record AND {isMissing})",
                $"it names a row that is neither in the file nor in the database ({membership.Other}).",
                cancellationToken
            );
        }

        // A changed membership is a changed user: it counts as one, and sign-ins must notice.
        await ExecuteAsync(
            $"""
            ALTER TABLE {table.Staging} ADD COLUMN regrouped boolean NOT NULL DEFAULT false;
            UPDATE {table.Staging} s SET regrouped = true
            WHERE {IsPresent(table.MembershipBit)} <> 0
            AND (
                SELECT array_agg(DISTINCT m.{other} ORDER BY m.{other}) FROM {membership.Staging} m WHERE m.record = s.record
            ) IS DISTINCT FROM (
                SELECT array_agg(u.{other} ORDER BY u.{other}) FROM {membership.Table} u WHERE u.{membership.OwnColumn} = s.id
            )
            """,
            cancellationToken
        );
    }

    private async Task MergeAsync(StagedTable staged, CancellationToken cancellationToken)
    {
        var table = staged.Table;
        var sql = new MergeSql(staged);
        var counts = tally[table];
        var isEmpty = empty.Contains(table.Name);
        var fill = isEmpty && staged.Count >= TableFill.MinRows ? new TableFill(connection, table) : null;
        if (fill is not null)
        {
            await fill.BeginAsync(empty, cancellationToken);
        }

        var updated =
            isEmpty || options.Mode == ImportMode.Skip ? 0 : await ExecuteAsync(sql.Update(), cancellationToken);
        var created = await ExecuteAsync(sql.Insert(), cancellationToken);
        if (fill is not null)
        {
            await fill.CompleteAsync(cancellationToken);
        }

        counts.Updated += updated;
        counts.Created += created;
        counts.Unchanged = counts.Read - counts.Skipped - updated - created;
        if (table.Membership is { } membership)
        {
            await ExecuteAsync(MergeSql.Regroup(table, membership), cancellationToken);
        }
    }

    private async Task RaiseSequencesAsync(CancellationToken cancellationToken)
    {
        foreach (var staged in staging.Tables.Where(staged => staged.Count > 0))
        {
            // Not undone by a rollback, so it comes last; and only upwards, so that no key is given out twice.
            var sequence = await SequenceAsync(staged.Table, cancellationToken);
            await ExecuteAsync(
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
        await using var command = Command($"SELECT pg_get_serial_sequence('{table.Name}', 'id')");
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private async Task<bool> HasSuperuserAsync(CancellationToken cancellationToken) =>
        await ScalarAsync("SELECT count(*) FROM users WHERE is_superuser AND is_active", cancellationToken) > 0;

    private Task RefuseAsync(
        FixtureTable table,
        FixtureField? field,
        string code,
        string condition,
        string detail,
        CancellationToken cancellationToken,
        string value = "NULL::text"
    ) => RefuseAsync(table, field?.Name, code, condition, detail, cancellationToken, value);

    /// <summary>Every staged row that meets the condition is an error.</summary>
    private async Task RefuseAsync(
        FixtureTable table,
        string? field,
        string code,
        string condition,
        string detail,
        CancellationToken cancellationToken,
        string value = "NULL::text"
    )
    {
        await using var command = Command(
            $"""
            SELECT s.record, s.line, s.byte_offset, s.id, left({value}, 100), count(*) OVER ()
            FROM {table.Staging} s WHERE {condition}
            ORDER BY s.record LIMIT {FixtureErrors.Limit}
            """
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var unseen = 0L;
        while (await reader.ReadAsync(cancellationToken))
        {
            var record = reader.GetInt64(0);
            var subject = reader.IsDBNull(4) ? detail : $"'{reader.GetString(4)}' {detail}";
            unseen = (unseen == 0 ? reader.GetInt64(5) : unseen) - 1;
            errors.Add(
                new FixtureError(
                    code,
                    char.ToUpperInvariant(subject[0]) + subject[1..],
                    record,
                    FixtureRecord.PointerTo(record, field),
                    reader.GetInt64(1),
                    reader.GetInt64(2),
                    table.Label,
                    reader.GetInt64(3),
                    field
                )
            );
        }

        errors.AddUnseen(unseen);
    }

    private static string IsPresent(int bit) => $"s.present & {1L << bit}";

    private async Task<long> ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = Command(sql);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task<long> ScalarAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = Command(sql);
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private NpgsqlCommand Command(string sql) => new(sql, connection) { CommandTimeout = 0 };
}
