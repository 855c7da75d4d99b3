using System.Text.RegularExpressions;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating.Linting;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations.Operations;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Exact.Infrastructure.Migrating.Forecast;

/// <summary>Says what a pending migration would lock, how large that is, and who uses it now.</summary>
internal sealed partial class MigrationForecast(
    DbContextOptions<ExactDbContext> contextOptions,
    NpgsqlDataSource database,
    MigrationSql migrations
)
{
    /// <summary>The mode of a table that SQL of the migration's own names; only a rehearsal knows the mode.</summary>
    public const string AsItsSqlSays = "as its SQL says";

    private const string Exclusive = "ACCESS EXCLUSIVE";
    private const string Gentle = "SHARE UPDATE EXCLUSIVE";

    /// <summary>What is pending, in order, with the forecast of each. A database that does not exist will be created.</summary>
    /// <exception cref="NpgsqlException">The server does not answer, or rejects the role.</exception>
    public async Task<IReadOnlyList<PendingMigration>> ReadPendingAsync(CancellationToken cancellationToken)
    {
        await using var context = new ExactDbContext(contextOptions);
        var pending = await context.Database.GetPendingMigrationsAsync(cancellationToken);
        var exists = await context.GetService<IRelationalDatabaseCreator>().ExistsAsync(cancellationToken);
        var forecasts = new List<PendingMigration>();
        foreach (var id in pending)
        {
            var tables = exists ? await ReadAsync(id, cancellationToken) : [];
            forecasts.Add(new(id, migrations.Of(id)!, [.. migrations.FindingsOf(id)], tables));
        }

        return forecasts;
    }

    /// <summary>The tables, and the dropped indexes, that a migration touches, each with the strongest lock that its operations take.</summary>
    public IReadOnlyDictionary<string, (string Mode, bool Rewrites)> LocksOf(string migration) =>
        migrations
            .OperationsOf(migration)
            .SelectMany(Touches)
            .GroupBy(one => one.Table)
            .ToDictionary(
                all => all.Key,
                all => (all.MaxBy(one => one.Mode == Exclusive).Mode, all.Any(one => one.Rewrites))
            );

    /// <summary>The tables of a migration that exist, each with the strongest lock.</summary>
    public async Task<IReadOnlyList<TableForecast>> ReadAsync(string migration, CancellationToken cancellationToken)
    {
        var touched = LocksOf(migration);
        await using var command = database.CreateShortCommand(
            $"""
            SELECT c.relname::text, {RowEstimate.Sql}, pg_total_relation_size(c.oid), array(
                    SELECT DISTINCT format('%s (pid %s, %s)', coalesce(nullif(a.application_name, ''), 'a session'), a.pid, a.state)
                    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
                    WHERE l.relation = c.oid AND l.granted AND l.pid <> pg_backend_pid()
                        AND a.datname = current_database() -- the tables of a copied database have the same numbers
                        AND a.backend_type = 'client backend' -- autovacuum makes way by itself
                ), named.name
            FROM unnest(@names) AS named (name)
            JOIN pg_class r ON r.relname = named.name AND r.relnamespace = current_schema()::regnamespace
            LEFT JOIN pg_index i ON i.indexrelid = r.oid
            JOIN pg_class c ON c.oid = coalesce(i.indrelid, r.oid)
            WHERE c.relkind IN ('r', 'p')
            ORDER BY 3 DESC, 1
            """
        );
        command.Parameters.AddWithValue("names", touched.Keys.ToArray());
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var forecast = new List<TableForecast>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var (mode, rewrites) = touched[reader.GetString(4)];
            forecast.Add(
                new(
                    reader.GetString(0),
                    mode,
                    rewrites,
                    reader.GetFieldValue<long?>(1),
                    reader.GetInt64(2),
                    reader.GetFieldValue<string[]>(3)
                )
            );
        }

        return [.. forecast.GroupBy(one => one.Table).Select(all => all.MaxBy(one => one.Mode == Exclusive)!)];
    }

    /// <summary>
    /// The tables of an operation. SQL of the migration's own counts with every table that it names, and with every index
    /// that it drops, which stands for its table.
    /// </summary>
    private static IEnumerable<(string Table, string Mode, bool Rewrites)> Touches(MigrationOperation operation) =>
        operation switch
        {
            CreateIndexOperation index when index.FindAnnotation("Npgsql:CreatedConcurrently")?.Value is true =>
            [
                (index.Table, Gentle, false),
            ],
            CreateIndexOperation index => [(index.Table, "SHARE", false)],
            CreateTableOperation table => table.ForeignKeys.Select(key =>
                (key.PrincipalTable, "SHARE ROW EXCLUSIVE", false)
            ),
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
            SqlOperation sql =>
            [
                .. TableName().Matches(sql.Sql).Select(name => (name.Groups[1].Value, AsItsSqlSays, false)),
                .. DroppedIndex()
                    .Matches(sql.Sql)
                    .Select(drop =>
                        (drop.Groups["name"].Value, drop.Groups["gently"].Success ? Gentle : Exclusive, false)
                    ),
            ],
            _ => [],
        };

    [GeneratedRegex("""\b(?:TABLE|ON|UPDATE|INTO|FROM|JOIN)\s+(?:ONLY\s+)?"?(?=(\w+))""", RegexOptions.IgnoreCase)]
    private static partial Regex TableName();

    [GeneratedRegex(
        """\bDROP\s+INDEX\s+(?<gently>CONCURRENTLY\s+)?(?:IF\s+EXISTS\s+)?"?(?<name>\w+)""",
        RegexOptions.IgnoreCase
    )]
    private static partial Regex DroppedIndex();
}

/// <summary>A pending migration, and what it would do.</summary>
/// <param name="Sql">Its statements.</param>
/// <param name="Findings">What the linter says about it.</param>
/// <param name="Tables">The tables that it touches and that exist now, the largest first.</param>
internal sealed record PendingMigration(
    string Id,
    string Sql,
    IReadOnlyList<LintFinding> Findings,
    IReadOnlyList<TableForecast> Tables
);

/// <summary>What a migration would do to a table.</summary>
/// <param name="Mode">The strongest lock that it takes.</param>
/// <param name="Rewrites">Whether PostgreSQL may write the whole table again.</param>
/// <param name="Rows">PostgreSQL's estimate; null if it has none.</param>
/// <param name="Blockers">The sessions that use the table now.</param>
internal sealed record TableForecast(
    string Table,
    string Mode,
    bool Rewrites,
    long? Rows,
    long Bytes,
    IReadOnlyList<string> Blockers
);
