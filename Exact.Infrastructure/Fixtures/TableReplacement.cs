using System.Diagnostics;

namespace Exact.Infrastructure.Fixtures;

/// <summary>
/// A copy of a table that takes its place: same name, columns, constraints, indexes, and state of its sequence. It is made in a schema of its
/// own, so that all names stay as they are, and nobody sees that schema, for it is gone when the transaction ends.
/// </summary>
internal sealed class TableReplacement(ImportSql sql, string table)
{
    private const string Schema = "exact_import";

    /// <summary>How long others are made to queue behind an attempt to take the place.</summary>
    private static readonly TimeSpan Attempt = TimeSpan.FromMilliseconds(100);

    public string Name => $"{Schema}.{table}";

    /// <summary>
    /// Whether a copy would be the same to everybody: nothing else belongs to the table, or depends on it, than what is copied. Rights, comments,
    /// views, triggers, publications, foreign keys of others: whoever has them keeps the table.
    /// </summary>
    public async Task<bool> IsPossibleAsync(CancellationToken cancellationToken)
    {
        await using var command = sql.Command(
            $"""
            SELECT to_regnamespace('{Schema}') IS NULL AND has_database_privilege(current_database(), 'CREATE')
            AND {IsPlain}
            """
        );
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    public Task CreateAsync(CancellationToken cancellationToken) =>
        sql.ExecuteAsync(
            $"CREATE SCHEMA {Schema}; CREATE TABLE {Name} (LIKE {table} INCLUDING ALL EXCLUDING INDEXES)",
            cancellationToken
        );

    /// <summary>Builds the keys and the indexes, and checks the foreign keys, of the rows that it holds now.</summary>
    public async Task CompleteAsync(CancellationToken cancellationToken)
    {
        var build = new List<string>();
        await using (
            var command = sql.Command(
                $"""
                SELECT build FROM (
                    SELECT strpos('puxf', c.contype::text) AS nth,
                        format('ALTER TABLE {Name} ADD CONSTRAINT %I %s', c.conname, pg_get_constraintdef(c.oid)) AS build
                    FROM pg_constraint c WHERE c.conrelid = '{table}'::regclass AND c.contype IN ('p', 'u', 'x', 'f')
                    UNION ALL
                    SELECT 9, format('CREATE %sINDEX %I ON {Name}%s',
                        CASE WHEN i.indisunique THEN 'UNIQUE ' END, o.relname, substring(d.def FROM strpos(d.def, ' USING ')))
                    FROM pg_index i JOIN pg_class o ON o.oid = i.indexrelid, pg_get_indexdef(i.indexrelid) d (def)
                    WHERE i.indrelid = '{table}'::regclass
                    AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
                ) all_of_it
                ORDER BY nth
                """
            )
        )
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                build.Add(reader.GetString(0));
            }
        }

        await sql.ExecuteAllAsync(build, cancellationToken);
    }

    /// <summary>
    /// Drops the table and gives the copy its place. From then on until the transaction ends, whoever reads the table waits, and so does whoever
    /// reads one that it refers to, so this comes last.
    /// </summary>
    /// <param name="parents">The tables that it refers to.</param>
    /// <param name="patience">How long to try, for somebody may be reading the table; and how long the transaction waits for any lock.</param>
    /// <param name="cancellationToken">Ends the import.</param>
    /// <returns>False when the table is still in use, or something more belongs to it now. It is as it was then.</returns>
    public async Task<bool> TryTakePlaceAsync(
        IEnumerable<string> parents,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        var take = $"""
            SET LOCAL lock_timeout = {Attempt.TotalMilliseconds};
            LOCK TABLE {string.Join(", ", [.. parents, table])} IN ACCESS EXCLUSIVE MODE;
            SET LOCAL lock_timeout = {patience.TotalMilliseconds}
            """;
        var watch = Stopwatch.StartNew();
        while (!await sql.TryLockAsync(take, cancellationToken))
        {
            if (watch.Elapsed > patience)
            {
                return false;
            }

            await Task.Delay(Attempt, cancellationToken); // those who queued have their turn
        }

        await using var find = sql.Command(
            $"""
            SELECT relnamespace::regnamespace::text, pg_get_serial_sequence('{table}', 'id')
            FROM pg_class WHERE oid = '{table}'::regclass AND {IsPlain}
            """
        );
        string schema;
        string sequence;
        await using (var reader = await find.ExecuteReaderAsync(cancellationToken))
        {
            if (!await reader.ReadAsync(cancellationToken))
            {
                return false;
            }

            (schema, sequence) = (reader.GetString(0), reader.GetString(1));
        }

        await sql.ExecuteAsync(
            $"""
            SELECT setval(pg_get_serial_sequence('{Name}', 'id'), last_value, is_called) FROM {sequence};
            DROP TABLE {table};
            ALTER TABLE {Name} SET SCHEMA {schema};
            DROP SCHEMA {Schema}
            """,
            cancellationToken
        );
        return true;
    }

    /// <summary>The condition, in SQL, that a copy has all that belongs to the table, or depends on it.</summary>
    private string IsPlain =>
        $"""
            (WITH the AS (SELECT '{table}'::regclass::oid AS id),
            own AS (
                SELECT id FROM the
                UNION ALL SELECT indexrelid FROM pg_index JOIN the ON indrelid = id
                UNION ALL SELECT pg_get_serial_sequence('{table}', 'id')::regclass::oid
            ),
            rules AS (SELECT c.* FROM pg_constraint c JOIN the ON conrelid = id)
            SELECT NOT EXISTS (SELECT FROM pg_publication)
            AND NOT EXISTS (SELECT FROM pg_default_acl)
            AND NOT EXISTS (
                SELECT FROM own LEFT JOIN pg_class c ON c.oid = own.id
                WHERE c.oid IS NULL OR relkind NOT IN ('r', 'i', 'S') OR relpersistence <> 'p' OR relispartition
                OR pg_get_userbyid(relowner) <> current_user OR relacl <> acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner) OR relrowsecurity OR relforcerowsecurity
                OR relreplident NOT IN ('d', 'n') OR reloptions IS NOT NULL OR reltablespace <> 0 OR reloftype <> 0
                OR (relkind = 'r' AND NOT has_schema_privilege(relnamespace, 'CREATE'))
                OR (relkind = 'S' AND relname <> '{table}_id_seq')
            )
            AND NOT EXISTS (
                SELECT FROM own JOIN pg_attribute ON attrelid = own.id
                WHERE attnum > 0 AND NOT attisdropped AND (attacl IS NOT NULL OR attoptions IS NOT NULL OR attstattarget >= 0)
            )
            AND NOT EXISTS (
                SELECT FROM pg_index JOIN the ON indrelid = id
                WHERE NOT indisvalid OR indisclustered OR indisreplident
            )
            AND NOT EXISTS (SELECT FROM pg_trigger JOIN the ON tgrelid = id WHERE tgenabled <> 'O')
            AND NOT EXISTS (SELECT FROM rules WHERE NOT convalidated)
            AND NOT EXISTS (
                SELECT FROM pg_description
                WHERE (classoid = 'pg_class'::regclass AND objoid IN (SELECT id FROM own) AND objsubid = 0)
                OR (classoid = 'pg_constraint'::regclass AND objoid IN (SELECT oid FROM rules))
            )
            AND NOT EXISTS (SELECT FROM pg_seclabel WHERE objoid IN (SELECT id FROM own))
            AND NOT EXISTS (
                SELECT FROM pg_depend d
                WHERE refclassid = 'pg_class'::regclass AND refobjid IN (SELECT id FROM own)
                AND NOT (classid = 'pg_class'::regclass AND (objid IN (SELECT id FROM own) OR deptype = 'i'))
                AND NOT (classid IN ('pg_type'::regclass, 'pg_attrdef'::regclass) AND deptype IN ('a', 'i'))
                AND NOT (classid = 'pg_constraint'::regclass AND objid IN (SELECT oid FROM rules))
            )
            AND NOT EXISTS (
                SELECT FROM pg_depend JOIN pg_type t ON t.oid = refobjid JOIN pg_class c ON t.oid = c.reltype OR t.typelem = c.reltype
                JOIN the ON the.id = c.oid
                WHERE refclassid = 'pg_type'::regclass AND deptype <> 'i'
            ))
            """;
}
