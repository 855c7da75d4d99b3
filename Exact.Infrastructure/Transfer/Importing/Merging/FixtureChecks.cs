namespace Exact.Infrastructure.Transfer.Importing.Merging;

/// <summary>
/// What only the whole file and the database together can tell: does a row exist, does its parent, is its name free? Each question is
/// asked once for all records, and its findings are errors or, where the caller says so, records that are left out. Nothing has been
/// written yet, so a parent is one that will be there: a row of the file, or one of the database.
/// </summary>
internal sealed class FixtureChecks(
    ImportSql sql,
    StagingArea staging,
    ImportOptions options,
    ImportTally tally,
    FixtureErrors errors
)
{
    /// <param name="staged">The records.</param>
    /// <param name="isEmpty">Their table has no rows that could have anything in common with them.</param>
    /// <param name="cancellationToken">Ends the import.</param>
    public async Task RunAsync(StagedTable staged, bool isEmpty, CancellationToken cancellationToken)
    {
        var table = staged.Table;
        var exists = isEmpty ? "false" : $"EXISTS (SELECT FROM {table.Name} t WHERE t.id = s.id)";
        if (options.Mode == ImportMode.Skip && !isEmpty)
        {
            tally[table].Skipped += await sql.ExecuteAsync(
                $"DELETE FROM {table.Staging} s WHERE {exists}",
                cancellationToken
            );
        }
        else if (options.Mode == ImportMode.Fail && !isEmpty)
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

        if (!isEmpty)
        {
            foreach (var (child, reference) in staging.ReferencesByName(table))
            {
                await CheckRenamedAsync(table, child, reference, cancellationToken);
            }
        }

        foreach (var field in table.Unique)
        {
            await CheckUniqueAsync(table, field, isEmpty, cancellationToken);
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
            await sql.ExecuteAsync(
                $"""
                UPDATE {table.Staging} s SET {field.Column} = p.id FROM {WillBe(parent.Table, parent.NaturalKey!)} p
                WHERE s.{field.Column} IS NULL AND p.value = s.{field.NaturalColumn}
                """,
                cancellationToken
            );
        }

        var isOrphan =
            $"{IsPresent(field.Index)} <> 0 AND NOT EXISTS (SELECT FROM {WillBe(parent.Table, parent.Column)} p WHERE p.value = s.{field.Column})";
        if (options.Orphans == WhenFound.Skip)
        {
            var left = await sql.ExecuteAsync($"DELETE FROM {table.Staging} s WHERE {isOrphan}", cancellationToken);
            tally.SkipOrphans(table, left);
            return;
        }

        var value = field.ByNaturalKey
            ? $"coalesce(s.{field.Column}::text, s.{field.NaturalColumn})"
            : $"s.{field.Column}::text";
        var detail = $"is neither in the file nor in the database ({parent.Table}.{parent.Column}).";
        await RefuseAsync(table, field, FixtureErrorCode.Orphan, isOrphan, detail, cancellationToken, value);
    }

    /// <summary>Who gives a row another name has to take along all that refer to it by the old one.</summary>
    private Task CheckRenamedAsync(
        FixtureTable table,
        FixtureTable child,
        FixtureField reference,
        CancellationToken cancellationToken
    )
    {
        var name = table.Find(reference.Parent!.Column)!;
        var isLeftBehind = $"""
            {IsPresent(name.Index)} <> 0 AND EXISTS (
                SELECT FROM {table.Name} t WHERE t.id = s.id AND t.{name.Column} <> s.{name.Column}
                AND NOT EXISTS (SELECT FROM {WillBe(table.Name, name.Column)} other WHERE other.value = t.{name.Column})
                AND EXISTS (SELECT FROM {WillBe(child.Name, reference.Column)} c WHERE c.value = t.{name.Column})
            )
            """;
        return RefuseAsync(
            table,
            name,
            FixtureErrorCode.InUse,
            isLeftBehind,
            $"would leave behind each {child.Label} that has the old name: give them the new one in the same file.",
            cancellationToken,
            $"s.{name.Column}::text"
        );
    }

    private async Task CheckUniqueAsync(
        FixtureTable table,
        FixtureField field,
        bool isEmpty,
        CancellationToken cancellationToken
    )
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
        if (!isEmpty)
        {
            await RefuseAsync(
                table,
                field,
                FixtureErrorCode.Taken,
                isTaken,
                "belongs to another row of the database.",
                cancellationToken,
                value
            );
        }

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
        var isMissing = $"NOT EXISTS (SELECT FROM {WillBe(membership.Other, "id")} o WHERE o.id = m.{other})";
        await sql.ExecuteAsync(
            $"""
            UPDATE {membership.Staging} m SET {other} = o.id FROM {WillBe(
                membership.Other,
                membership.OtherNaturalKey
            )} o
            WHERE m.{other} IS NULL AND o.value = m.natural_key;
            DELETE FROM {membership.Staging} m WHERE NOT EXISTS (SELECT FROM {table.Staging} s WHERE s.record = m.record);
            CREATE INDEX ON {membership.Staging} (record);
            ANALYZE {membership.Staging}
            """,
            cancellationToken
        );
        if (options.Orphans == WhenFound.Skip)
        {
            var left = await sql.ExecuteAsync(
                $"DELETE FROM {membership.Staging} m WHERE {isMissing}",
                cancellationToken
            );
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

        // A changed membership is a changed row: it counts as one, and sign-ins must notice.
        await sql.ExecuteAsync(
            $"""
            ALTER TABLE {table.Staging}
                ADD COLUMN regrouped boolean NOT NULL DEFAULT false,
                ADD COLUMN inserted boolean NOT NULL DEFAULT false;
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
        await using var command = sql.Command(
            $"""
            SELECT s.record, s.line, s.byte_offset, CASE WHEN {IsPresent(
                table.KeyBit
            )} <> 0 THEN s.id END, left({value}, 100), count(*) OVER ()
            FROM {table.Staging} s WHERE {condition}
            ORDER BY s.record LIMIT {FixtureErrors.Limit}
            """
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var unseen = 0L;
        var seen = 0L;
        while (await reader.ReadAsync(cancellationToken))
        {
            seen++;
            var record = reader.GetInt64(0);
            var subject = reader.IsDBNull(4) ? detail : $"'{reader.GetString(4)}' {detail}";
            unseen = (unseen == 0 ? reader.GetInt64(5) : unseen) - 1;
            errors.Add(
                new FixtureError(
                    code,
                    char.ToUpperInvariant(subject[0]) + subject[1..],
                    record,
                    FixtureError.PointerTo(record, field),
                    reader.GetInt64(1),
                    reader.GetInt64(2),
                    table.Label,
                    reader.IsDBNull(3) ? null : reader.GetInt64(3),
                    field
                )
            );
        }

        errors.AddUnseen(unseen);
        if (code == FixtureErrorCode.Orphan && seen + unseen > 0)
        {
            errors.Orphans[table.Label] = errors.Orphans.GetValueOrDefault(table.Label) + seen + unseen;
        }
    }

    /// <summary>The rows of a table as they will be, each as its <c>id</c> and the <c>value</c> of one column.</summary>
    private string WillBe(string name, string column)
    {
        var table = staging.Tables.Single(staged => staged.Table.Name == name).Table;
        var isNamed = table.Find(column) is { } field ? $"{IsPresent(field.Index)} <> 0" : "true";
        return $"""
            (
                SELECT s.id, s.{column} AS value FROM {table.Staging} s WHERE {isNamed}
                UNION ALL
                SELECT t.id, t.{column} FROM {name} t
                WHERE NOT EXISTS (SELECT FROM {table.Staging} s WHERE s.id = t.id AND {isNamed})
            )
            """;
    }

    private static string IsPresent(int bit) => $"s.present & {1L << bit}";
}
