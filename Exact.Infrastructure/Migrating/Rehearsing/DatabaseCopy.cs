using System.Data;
using Exact.Infrastructure.Database;
using Npgsql;

namespace Exact.Infrastructure.Migrating.Rehearsing;

/// <summary>Copies the rows of one database into another that has the same tables, while the first is in use.</summary>
/// <remarks>
/// <c>CREATE DATABASE … TEMPLATE</c> needs a database without sessions, and lets none in until it has copied
/// everything. Like <c>pg_dump</c>, this takes one snapshot, and blocks only what alters a table.
/// </remarks>
internal static class DatabaseCopy
{
    private const string TablesQuery = """
        SELECT c.relname::text, array_agg(a.attname::text ORDER BY a.attnum)
        FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
        GROUP BY c.relname ORDER BY c.relname
        """;

    /// <summary>Foreign keys would dictate the order of the tables, and triggers would derive rows that are copied.</summary>
    private const string RelaxQuery = """
        SELECT coalesce(string_agg(format('ALTER TABLE %s DROP CONSTRAINT %I;', conrelid::regclass, conname), ' '), ''),
            coalesce(string_agg(format('ALTER TABLE %s ADD CONSTRAINT %I %s;', conrelid::regclass, conname,
                pg_get_constraintdef(oid)), ' '), '')
        FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace
        """;

    private const string SequencesQuery = """
        SELECT coalesce(string_agg(format(
            'SELECT setval(to_regclass(%1$L), %2$s) WHERE to_regclass(%1$L) IS NOT NULL;',
            quote_ident(sequencename), last_value), ' '), '')
        FROM pg_sequences WHERE schemaname = current_schema() AND last_value IS NOT NULL
        """;

    /// <summary>Copies the rows of all tables of the second database, and the positions of its sequences.</summary>
    /// <param name="from">A session in the database that is in use.</param>
    /// <param name="to">A session in the copy, whose rows are replaced.</param>
    /// <param name="onTable">Called with each table before it is copied.</param>
    /// <param name="cancellationToken">Ends the copying.</param>
    /// <returns>How many tables were copied.</returns>
    public static async Task<int> RunAsync(
        NpgsqlConnection from,
        NpgsqlConnection to,
        Action<string> onTable,
        CancellationToken cancellationToken
    )
    {
        await using var snapshot = await from.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        await ExecuteAsync(
            from,
            $"SET TRANSACTION READ ONLY; SET LOCAL lock_timeout = '30s'; {TimeLimits.Lift(from, local: true)}",
            cancellationToken
        );
        var source = await ReadTablesAsync(from, cancellationToken);
        var target = await ReadTablesAsync(to, cancellationToken);
        var (drop, add) = await ReadForeignKeysAsync(to, cancellationToken);
        var names = string.Join(", ", target.Keys.Select(SqlIdentifier.Quote));
        await ExecuteAsync(to, $"{drop} TRUNCATE {names}; {Triggers("DISABLE", target.Keys)}", cancellationToken);
        var copied = 0;
        foreach (var (table, columns) in target)
        {
            if (source.TryGetValue(table, out var existing))
            {
                onTable(table);
                await CopyAsync(from, to, table, columns.Intersect(existing), cancellationToken);
                copied++;
            }
        }

        await using var sequences = new NpgsqlCommand(SequencesQuery, from);
        var positions = (string)(await sequences.ExecuteScalarAsync(cancellationToken))!;
        await ExecuteAsync(
            to,
            $"{positions} {Triggers("ENABLE", target.Keys)} {add} ANALYZE {names};",
            cancellationToken
        );
        await snapshot.CommitAsync(cancellationToken);
        return copied;
    }

    private static async Task CopyAsync(
        NpgsqlConnection from,
        NpgsqlConnection to,
        string table,
        IEnumerable<string> columns,
        CancellationToken cancellationToken
    )
    {
        var name = SqlIdentifier.Quote(table);
        var list = string.Join(", ", columns.Select(SqlIdentifier.Quote));
        try
        {
            await using var rows = await from.BeginRawBinaryCopyAsync(
                $"COPY (SELECT {list} FROM {name}) TO STDOUT (FORMAT binary)",
                cancellationToken
            );
            await using var destination = await to.BeginRawBinaryCopyAsync(
                $"COPY {name} ({list}) FROM STDIN (FORMAT binary)",
                cancellationToken
            );
            try
            {
                await rows.CopyToAsync(destination, cancellationToken);
            }
            catch
            {
                await destination.CancelAsync(); // disposing it would wait for rows that do not come
                throw;
            }
        }
        catch (PostgresException e) when (!PostgresErrors.IsServerAway(e))
        {
            throw new MigrationRefusedException(
                $"Table {name} could not be copied: {e.MessageText} ({e.SqlState}). The database itself is unchanged.",
                e
            );
        }
    }

    private static async Task<Dictionary<string, string[]>> ReadTablesAsync(
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        await using var command = new NpgsqlCommand(TablesQuery, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var tables = new Dictionary<string, string[]>();
        while (await reader.ReadAsync(cancellationToken))
        {
            tables.Add(reader.GetString(0), reader.GetFieldValue<string[]>(1));
        }

        return tables;
    }

    private static async Task<(string Drop, string Add)> ReadForeignKeysAsync(
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        await using var command = new NpgsqlCommand(RelaxQuery, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (reader.GetString(0), reader.GetString(1));
    }

    private static string Triggers(string action, IEnumerable<string> tables) =>
        string.Join(' ', tables.Select(table => $"ALTER TABLE {SqlIdentifier.Quote(table)} {action} TRIGGER USER;"));

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
