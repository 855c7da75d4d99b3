using System.Text.RegularExpressions;
using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore.Migrations.Operations;
using Npgsql;

namespace Exact.Api.AdminConsole;

/// <summary>Says what a pending migration would lock, how large that is, and who uses it now.</summary>
internal sealed partial class MigrationForecast(NpgsqlDataSource database, MigrationSql migrations)
{
    private const string Exclusive = "ACCESS EXCLUSIVE";

    /// <summary>The tables of a migration that exist, each with the strongest lock.</summary>
    public async Task<IReadOnlyList<TableForecast>> ReadAsync(string migration, CancellationToken cancellationToken)
    {
        var touched = migrations
            .OperationsOf(migration)
            .SelectMany(Touches)
            .GroupBy(one => one.Table)
            .ToDictionary(
                all => all.Key,
                all => (Mode: all.MaxBy(one => one.Mode == Exclusive).Mode, Rewrites: all.Any(one => one.Rewrites))
            );
        await using var command = database.CreateShortCommand(
            """
            SELECT c.relname::text, greatest(c.reltuples::bigint, pg_stat_get_live_tuples(c.oid)),
                pg_total_relation_size(c.oid), array(
                    SELECT DISTINCT format('%s (pid %s, %s)', coalesce(nullif(a.application_name, ''), 'a session'), a.pid, a.state)
                    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
                    WHERE l.relation = c.oid AND l.granted AND l.pid <> pg_backend_pid()
                        AND a.datname = current_database() -- the tables of a copied database have the same numbers
                        AND a.backend_type = 'client backend' -- autovacuum makes way by itself
                )
            FROM pg_class c
            WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace AND c.relname = ANY (@tables)
            ORDER BY 3 DESC, 1
            """
        );
        command.Parameters.AddWithValue("tables", touched.Keys.ToArray());
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var forecast = new List<TableForecast>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var table = reader.GetString(0);
            forecast.Add(
                new(
                    table,
                    touched[table].Mode,
                    touched[table].Rewrites,
                    reader.GetInt64(1),
                    reader.GetInt64(2),
                    reader.GetFieldValue<string[]>(3)
                )
            );
        }

        return forecast;
    }

    /// <summary>The tables of an operation. SQL of the migration's own counts with every table that it names.</summary>
    private static IEnumerable<(string Table, string Mode, bool Rewrites)> Touches(MigrationOperation operation) =>
        operation switch
        {
            CreateIndexOperation index when index.FindAnnotation("Npgsql:CreatedConcurrently")?.Value is true =>
            [
                (index.Table, "SHARE UPDATE EXCLUSIVE", false),
            ],
            CreateIndexOperation index => [(index.Table, "SHARE", false)],
            AddForeignKeyOperation key =>
            [
                (key.Table, "SHARE ROW EXCLUSIVE", false),
                (key.PrincipalTable, "SHARE ROW EXCLUSIVE", false),
            ],
            AlterColumnOperation column =>
            [
                (column.Table, Exclusive, column.ColumnType != column.OldColumn.ColumnType),
            ],
            AddColumnOperation column => [(column.Table, Exclusive, column.DefaultValueSql is not null)],
            ITableMigrationOperation other => [(other.Table, Exclusive, false)],
            SqlOperation sql => TableName()
                .Matches(sql.Sql)
                .Select(name => (name.Groups[1].Value, "as its SQL says", false)),
            _ => [],
        };

    [GeneratedRegex("""\b(?:TABLE|ON|UPDATE|INTO|FROM|JOIN)\s+(?:ONLY\s+)?"?(?=(\w+))""", RegexOptions.IgnoreCase)]
    private static partial Regex TableName();
}

/// <param name="Mode">The strongest lock that it takes.</param>
/// <param name="Rewrites">Whether PostgreSQL may write the whole table again.</param>
/// <param name="Blockers">The sessions that use the table now.</param>
internal sealed record TableForecast(
    string Table,
    string Mode,
    bool Rewrites,
    long Rows,
    long Bytes,
    IReadOnlyList<string> Blockers
);
