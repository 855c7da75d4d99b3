using Exact.Infrastructure.Transfer.Importing.Staging;
using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Reading;

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
    private readonly StagedMistakes mistakes = new(sql, staging, errors);

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
            await mistakes.RefuseAsync(
                table,
                field: null,
                FixtureErrorCode.Exists,
                exists,
                "the row exists.",
                cancellationToken
            );
        }

        foreach (var field in table.Fields.Where(field => field.Required && !staged.IsInAll(field)))
        {
            var isMissing = $"{StagedMistakes.IsPresent(field.Index)} = 0 AND NOT {exists}";
            var detail = $"a new {table.Label} needs '{field.Name}'.";
            await mistakes.RefuseAsync(
                table,
                field.Name,
                FixtureErrorCode.Required,
                isMissing,
                detail,
                cancellationToken
            );
        }

        foreach (var field in table.Fields.Where(field => field.Parent is not null))
        {
            await CheckParentAsync(staged, field, field.Parent!, cancellationToken);
        }

        if (!isEmpty)
        {
            // What belongs to Exact alone follows a new name (RenamedParents).
            foreach (var (child, reference) in staging.ReferencesByName(table).Where(pair => !pair.Child.IsOfExact))
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
                UPDATE {table.Staging} s SET {field.Column} = p.id FROM {mistakes.WillBe(
                    parent.Table,
                    parent.NaturalKey!
                )} p
                WHERE s.{field.Column} IS NULL AND p.value = s.{field.NaturalColumn}
                """,
                cancellationToken
            );
        }

        var isOrphan =
            $"{StagedMistakes.IsPresent(field.Index)} <> 0 AND NOT EXISTS (SELECT FROM "
            + $"{mistakes.WillBe(parent.Table, parent.Column)} p WHERE p.value = s.{field.Column})";
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
        await mistakes.RefuseAsync(
            table,
            field.Name,
            FixtureErrorCode.Orphan,
            isOrphan,
            detail,
            cancellationToken,
            value
        );
    }

    /// <summary>A row that gets another name must take along all rows that refer to it by the old one.</summary>
    private Task CheckRenamedAsync(
        FixtureTable table,
        FixtureTable child,
        FixtureField reference,
        CancellationToken cancellationToken
    )
    {
        var name = table.Find(reference.Parent!.Column)!;
        var isLeftBehind = $"""
            {StagedMistakes.IsPresent(name.Index)} <> 0 AND EXISTS (
                SELECT FROM {table.Name} t WHERE t.id = s.id AND t.{name.Column} <> s.{name.Column}
                AND NOT EXISTS (SELECT FROM {mistakes.WillBe(
                table.Name,
                name.Column
            )} other WHERE other.value = t.{name.Column})
                AND EXISTS (SELECT FROM {mistakes.WillBe(
                child.Name,
                reference.Column
            )} c WHERE c.value = t.{name.Column})
            )
            """;
        return mistakes.RefuseAsync(
            table,
            name.Name,
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
            {StagedMistakes.IsPresent(field.Index)} <> 0
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
            await mistakes.RefuseAsync(
                table,
                field.Name,
                FixtureErrorCode.Taken,
                isTaken,
                "belongs to another row of the database.",
                cancellationToken,
                value
            );
        }

        await mistakes.RefuseAsync(
            table,
            field.Name,
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
        var isMissing = $"NOT EXISTS (SELECT FROM {mistakes.WillBe(membership.Other, "id")} o WHERE o.id = m.{other})";
        await sql.ExecuteAsync(
            $"""
            UPDATE {membership.Staging} m SET {other} = o.id FROM {mistakes.WillBe(
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
            await mistakes.RefuseAsync(
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
            WHERE {StagedMistakes.IsPresent(table.Layout.MembershipBit)} <> 0
            AND (
                SELECT array_agg(DISTINCT m.{other} ORDER BY m.{other}) FROM {membership.Staging} m WHERE m.record = s.record
            ) IS DISTINCT FROM (
                SELECT array_agg(u.{other} ORDER BY u.{other}) FROM {membership.Table} u WHERE u.{membership.OwnColumn} = s.id
            )
            """,
            cancellationToken
        );
    }
}
