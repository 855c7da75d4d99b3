using System.Diagnostics;

namespace Exact.Infrastructure.Fixtures;

/// <summary>
/// A copy of a table that takes its place: same name, columns, constraints, indexes, and state of its sequence. It is made in a schema of its
/// own, so that all names stay as they are, and nobody sees that schema, for it is gone when the transaction ends.
/// </summary>
/// <param name="sql">The session, in a transaction.</param>
/// <param name="table">The table.</param>
/// <param name="parents">The tables that it refers to, for whoever drops it needs them, too.</param>
/// <param name="lockWait">How long the transaction waits for a lock; and how long it tries to take the place, for somebody may be reading.</param>
internal sealed class TableReplacement(ImportSql sql, string table, IReadOnlyList<string> parents, TimeSpan lockWait)
{
    private const string Schema = "exact_import";

    /// <summary>How long others are made to queue behind an attempt to lock: less than it takes PostgreSQL to look for a deadlock.</summary>
    private static readonly TimeSpan Attempt = TimeSpan.FromMilliseconds(100);

    public string Name => $"{Schema}.{table}";

    /// <summary>Whether a copy would be the same to everybody, and this role may make it.</summary>
    public async Task<bool> IsPossibleAsync(CancellationToken cancellationToken)
    {
        await using var command = sql.Command(
            $"""
            SELECT to_regnamespace('{Schema}') IS NULL AND has_database_privilege(current_database(), 'CREATE')
            AND {PlainTable.Condition(table)}
            """
        );
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    /// <summary>Keeps writers out until the transaction ends.</summary>
    /// <returns>False when one goes on and on.</returns>
    public Task<bool> TryKeepWritersOutAsync(CancellationToken cancellationToken) =>
        TryLockAsync("SHARE ROW EXCLUSIVE", cancellationToken);

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
    /// <returns>False when the table is still in use, or something more belongs to it now. It is as it was then.</returns>
    public async Task<bool> TryTakePlaceAsync(CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        while (!await TryLockAsync("ACCESS EXCLUSIVE", cancellationToken))
        {
            if (watch.Elapsed > lockWait)
            {
                return false;
            }

            await Task.Delay(Attempt, cancellationToken); // those who queued have their turn
        }

        await using var find = sql.Command(
            $"""
            SELECT relnamespace::regnamespace::text, pg_get_serial_sequence('{table}', 'id')
            FROM pg_class WHERE oid = '{table}'::regclass AND {PlainTable.Condition(table)}
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

    private Task<bool> TryLockAsync(string mode, CancellationToken cancellationToken) =>
        sql.TryLockAsync(
            $"""
            SET LOCAL lock_timeout = {Attempt.TotalMilliseconds};
            LOCK TABLE {string.Join(", ", [.. parents, table])} IN {mode} MODE;
            SET LOCAL lock_timeout = {lockWait.TotalMilliseconds}
            """,
            cancellationToken
        );
}
