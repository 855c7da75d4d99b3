using System.Data;
using System.Text.Json;
using Exact.Infrastructure.Database;
using Npgsql;

namespace Exact.Infrastructure.Migrating.Drift;

/// <summary>
/// Reads the tables of the current schema from PostgreSQL's catalog; no privilege on the tables is needed.
/// </summary>
internal static class SchemaCatalog
{
    /// <summary>Reads the given tables with everything that belongs to them, and the names of all others.</summary>
    /// <param name="connection">An open connection without a transaction.</param>
    /// <param name="tables">The tables to look into.</param>
    /// <param name="patience">
    /// How long to wait for an exclusively locked table, which PostgreSQL opens to write out its checks and filters.
    /// </param>
    /// <param name="cancellationToken">Cancels the reading.</param>
    /// <exception cref="PostgresException">The table stayed locked; see <see cref="PostgresErrors.IsBlocked"/>.</exception>
    public static async Task<IReadOnlyList<SchemaElement>> ReadAsync(
        NpgsqlConnection connection,
        IReadOnlyList<string> tables,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        // One snapshot: it sees all or nothing of a migration that commits meanwhile.
        await using var transaction = await connection.BeginTransactionAsync(
            IsolationLevel.RepeatableRead,
            cancellationToken
        );
        await using var batch = new NpgsqlBatch(connection, transaction);
        batch.BatchCommands.Add(new("SET TRANSACTION READ ONLY"));
        batch.BatchCommands.Add(new($"SET LOCAL lock_timeout = {patience.TotalMilliseconds:0}"));
        batch.BatchCommands.Add(new(Sql) { Parameters = { new() { Value = tables.ToArray() } } });

        var elements = new List<SchemaElement>();
        await using (var reader = await batch.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                elements.Add(
                    new SchemaElement(
                        Enum.Parse<ElementKind>(reader.GetString(0)),
                        reader.GetString(1),
                        reader.GetString(2),
                        JsonSerializer.Deserialize<Dictionary<string, string>>(reader.GetString(3))!
                    )
                );
            }
        }

        await transaction.CommitAsync(cancellationToken);
        return elements;
    }

    /// <summary>Finds which of these tables exist in the current schema.</summary>
    public static async Task<IReadOnlyList<string>> FindTablesAsync(
        NpgsqlConnection connection,
        IReadOnlyList<string> tables,
        CancellationToken cancellationToken
    )
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT coalesce(array_agg(c.relname::text ORDER BY c.relname), '{}')
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = current_schema() AND c.relname = ANY ($1)
            """,
            connection
        );
        command.Parameters.Add(new() { Value = tables.ToArray() });
        return (string[])(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    // Columns that only a newer PostgreSQL has are read through to_jsonb, which tolerates their absence.
    private const string Sql = """
        WITH relation AS (
            SELECT c.oid, c.relname, c.relkind, c.relpersistence, c.relname = ANY ($1) AS known,
                CASE WHEN c.relrowsecurity AND c.relforcerowsecurity THEN 'enabled and forced'
                    WHEN c.relrowsecurity THEN 'enabled' WHEN c.relforcerowsecurity THEN 'forced' END AS row_security
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = current_schema()
              AND (c.relname = ANY ($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c', 'i', 'I')
                OR c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT EXISTS (
                    SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
        ), known AS (
            SELECT * FROM relation WHERE known AND relkind IN ('r', 'p')
        )
        SELECT 'Table', r.relname::text, r.relname::text, json_strip_nulls(json_build_object('is',
            CASE WHEN r.relpersistence = 'u' THEN 'unlogged ' ELSE '' END || CASE r.relkind
                WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'type' ELSE 'index' END,
            'row security', r.row_security))::text
        FROM relation r

        UNION ALL
        SELECT 'Column', r.relname, a.attname, json_strip_nulls(json_build_object(
            'type', format_type(a.atttypid, a.atttypmod),
            'nullability', CASE WHEN a.attnotnull THEN 'not null' ELSE 'null' END,
            'default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, 0) END,
            'identity', CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END,
            'generated', CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END,
            'collation', co.collname))::text
        FROM known r
        JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        LEFT JOIN pg_collation co ON co.oid = a.attcollation AND a.attcollation <> t.typcollation

        UNION ALL
        SELECT CASE c.contype WHEN 'p' THEN 'PrimaryKey' WHEN 'u' THEN 'UniqueConstraint' WHEN 'f' THEN 'ForeignKey'
                WHEN 'c' THEN 'CheckConstraint' ELSE 'ExclusionConstraint' END,
            r.relname, c.conname, json_strip_nulls(json_build_object(
            'columns', CASE WHEN c.contype IN ('p', 'u', 'f') THEN (
                SELECT string_agg(a.attname, ', ' ORDER BY k.position)
                FROM unnest(c.conkey) WITH ORDINALITY k (number, position)
                JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number) END,
            'references', CASE WHEN c.contype = 'f' THEN (
                SELECT min(CASE WHEN p.relnamespace = o.relnamespace THEN '' ELSE n.nspname || '.' END || p.relname)
                    || ' (' || string_agg(a.attname, ', ' ORDER BY k.position) || ')'
                FROM unnest(c.confkey) WITH ORDINALITY k (number, position)
                JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number
                JOIN pg_class p ON p.oid = c.confrelid
                JOIN pg_namespace n ON n.oid = p.relnamespace
                JOIN pg_class o ON o.oid = c.conrelid) END,
            'on delete', CASE WHEN c.contype = 'f' THEN CASE c.confdeltype WHEN 'c' THEN 'cascade'
                WHEN 'r' THEN 'restrict' WHEN 'n' THEN 'set null' WHEN 'd' THEN 'set default' ELSE 'no action' END END,
            'on update', CASE WHEN c.contype = 'f' THEN CASE c.confupdtype WHEN 'c' THEN 'cascade'
                WHEN 'r' THEN 'restrict' WHEN 'n' THEN 'set null' WHEN 'd' THEN 'set default' ELSE 'no action' END END,
            'check', CASE WHEN c.contype = 'c' THEN pg_get_expr(c.conbin, c.conrelid) END,
            'nulls', CASE WHEN to_jsonb(i) ->> 'indnullsnotdistinct' = 'true' THEN 'not distinct' END,
            'definition', CASE WHEN c.contype = 'x' THEN pg_get_constraintdef(c.oid) END,
            'deferrable', CASE WHEN c.condeferrable THEN
                CASE WHEN c.condeferred THEN 'initially deferred' ELSE 'initially immediate' END END,
            'valid', CASE WHEN c.convalidated AND coalesce(i.indisvalid, true) THEN 'yes' ELSE 'no' END))::text
        FROM known r
        JOIN pg_constraint c ON c.conrelid = r.oid AND c.contype IN ('p', 'u', 'f', 'c', 'x') AND c.conparentid = 0
        LEFT JOIN pg_index i ON i.indexrelid = c.conindid AND c.contype IN ('p', 'u')

        UNION ALL
        SELECT 'Index', r.relname, x.relname, json_strip_nulls(json_build_object(
            'columns', (
                SELECT string_agg(coalesce(a.attname, pg_get_indexdef(i.indexrelid, k, false))
                    || CASE WHEN co.oid IS NULL THEN '' ELSE ' COLLATE ' || co.collname END
                    || CASE WHEN oc.opcdefault THEN '' ELSE ' ' || oc.opcname END
                    || CASE i.indoption[k - 1] & 3 WHEN 0 THEN '' WHEN 1 THEN ' DESC NULLS LAST'
                        WHEN 2 THEN ' NULLS FIRST' ELSE ' DESC' END, ', ' ORDER BY k)
                FROM generate_series(1, i.indnkeyatts) k
                JOIN pg_opclass oc ON oc.oid = i.indclass[k - 1]
                LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k - 1] AND a.attnum > 0
                LEFT JOIN pg_collation co
                    ON co.oid = i.indcollation[k - 1] AND co.oid <> coalesce(a.attcollation, co.oid)),
            'unique', CASE WHEN i.indisunique THEN 'yes' ELSE 'no' END,
            'nulls', CASE WHEN to_jsonb(i) ->> 'indnullsnotdistinct' = 'true' THEN 'not distinct' END,
            'include', (
                SELECT string_agg(a.attname, ', ' ORDER BY k)
                FROM generate_series(i.indnkeyatts + 1, i.indnatts) k
                JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k - 1]),
            'method', am.amname,
            'filter', pg_get_expr(i.indpred, i.indrelid),
            'valid', CASE WHEN i.indisvalid AND i.indisready AND i.indislive THEN 'yes' ELSE 'no' END))::text
        FROM known r
        JOIN pg_index i ON i.indrelid = r.oid
        JOIN pg_class x ON x.oid = i.indexrelid
        JOIN pg_am am ON am.oid = x.relam
        WHERE NOT EXISTS (
            SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x'))

        ORDER BY 2, 1, 3
        """;
}
