using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore.Migrations.Operations;
using static Exact.Infrastructure.Migrating.Linting.SqlText;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>
/// Builds the statements of safe forms. Each migration commits separately, and so releases its locks.
/// </summary>
internal static partial class SafeSql
{
    private const int Pages = 100; // 800 kB a transaction
    private const int Passes = 10; // a limit, because old replicas may keep writing the old value

    private static readonly AllowAttribute LaterRowsOnly = new(
        AllowAttribute.RawSql,
        "A default for new rows reads no existing row."
    );

    public static SafeMigration SetDefault(ITableMigrationOperation table, string column, string defaultSql) =>
        new([new SqlOperation { Sql = SetDefaultSql(table, column, defaultSql) }], LaterRowsOnly);

    /// <summary>Adds an empty column and then its default, so that only existing rows lack a value.</summary>
    public static SafeMigration AddWithDefault(AddColumnOperation column, string defaultSql, string prepare = "") =>
        new(
            [
                Columns.Bare(column, nullable: true),
                new SqlOperation { Sql = prepare + SetDefaultSql(column, column.Name, defaultSql) },
            ],
            LaterRowsOnly
        );

    private static string SetDefaultSql(ITableMigrationOperation table, string column, string defaultSql) =>
        $"ALTER TABLE {Name(table)} ALTER COLUMN {Quote(column)} SET DEFAULT {defaultSql};";

    /// <summary>Adds a constraint for new rows, then validates the existing ones without blocking writers.</summary>
    public static IEnumerable<SafeMigration> AddNotValid(
        ITableMigrationOperation table,
        string name,
        string definition
    ) =>
        [
            SafeMigration.Sql(
                "NOT VALID reads no row, so its lock is short; the next migration validates.",
                $"ALTER TABLE {Name(table)} ADD CONSTRAINT {Quote(name)} {definition} NOT VALID;"
            ),
            SafeMigration.Sql(
                "VALIDATE does not block reads or writes.",
                $"ALTER TABLE {Name(table)} VALIDATE CONSTRAINT {Quote(name)};"
            ),
        ];

    /// <summary>
    /// Makes a column required without reading rows under a lock: a validated check proves none is null.
    /// </summary>
    public static IEnumerable<SafeMigration> SetNotNull(ITableMigrationOperation table, string column)
    {
        var check = IdentifierLength.Fit($"ck_{table.Table}_{column}_not_null");
        return
        [
            .. AddNotValid(table, check, $"CHECK ({Quote(column)} IS NOT NULL)"),
            SafeMigration.Sql(
                "The validated check proves that no value is null, so no row is read.",
                $"""
                ALTER TABLE {Name(table)} ALTER COLUMN {Quote(column)} SET NOT NULL;
                ALTER TABLE {Name(table)} DROP CONSTRAINT {Quote(check)};
                """
            ),
        ];
    }

    /// <summary>Fills a column in every row without a value.</summary>
    public static SafeMigration Fill(ITableMigrationOperation table, string column, string value) =>
        Batch(Name(table), $"UPDATE {Name(table)} SET {Quote(column)} = {value}", $"{Quote(column)} IS NULL");

    /// <summary>Sets a column of every row to a value computed from the row, which may be null.</summary>
    public static SafeMigration Follow(ITableMigrationOperation table, string column, string value) =>
        Batch(
            Name(table),
            $"UPDATE {Name(table)} SET {Quote(column)} = {value}",
            $"{Quote(column)} IS DISTINCT FROM ({value})"
        );

    /// <summary>
    /// Runs a DELETE, or an UPDATE of one column, in batches. Any other statement could change a row twice, so it
    /// becomes a sketch.
    /// </summary>
    public static SafeMigration Batch(SqlOperation operation)
    {
        var match = OneTable().Match(Mask(operation.Sql).TrimEnd(' ', '\r', '\n', ';'));
        var column = match.Groups["column"].Value;
        if (!match.Success || Words(match.Groups["value"].Value).Contains(column.Trim('"')))
        {
            return Batch(
                "the_table",
                "UPDATE the_table SET the_column = the_value",
                "the_column IS DISTINCT FROM the_value"
            );
        }

        string[] conditions =
        [
            .. match.Groups["where"].Success ? [$"({Text("where")})"] : Array.Empty<string>(),
            .. column.Length > 0 ? [$"{column} IS DISTINCT FROM ({Text("value")})"] : Array.Empty<string>(),
        ];
        return Batch(Text("table"), Text("change"), conditions is [] ? "true" : string.Join(" AND ", conditions));

        string Text(string group) => operation.Sql.Substring(match.Groups[group].Index, match.Groups[group].Length);
    }

    /// <summary>Creates a trigger that computes a column whenever a row is written.</summary>
    public static string Trigger(ITableMigrationOperation table, string name, string assignment)
    {
        var trigger = TriggerName(table, name);
        return $"""
            CREATE FUNCTION {Quote(trigger, table.Schema)}() RETURNS trigger LANGUAGE plpgsql AS $fill$
            BEGIN
                {assignment.Replace("\n", "\n    ")}
                RETURN NEW;
            END
            $fill$;
            CREATE TRIGGER {Quote(trigger)} BEFORE INSERT OR UPDATE ON {Name(table)}
                FOR EACH ROW EXECUTE FUNCTION {Quote(trigger, table.Schema)}();
            """;
    }

    public static string DropTrigger(ITableMigrationOperation table, string name) =>
        $"""
            DROP TRIGGER {Quote(TriggerName(table, name))} ON {Name(table)};
            DROP FUNCTION {Quote(TriggerName(table, name), table.Schema)};
            """;

    public static string Name(ITableMigrationOperation table) => Quote(table.Table, table.Schema);

    private static string TriggerName(ITableMigrationOperation table, string name) =>
        IdentifierLength.Fit($"fill_{table.Table}_{name}");

    // Batches of pages need no key and read each row once a pass. A concurrent update may move a row to an earlier
    // page, so passes repeat until one changes nothing.
    private static SafeMigration Batch(string table, string change, string condition) =>
        SafeMigration.SqlOutsideTransaction(
            "In batches with a transaction each, so no row stays locked for long; it can be run again.",
            $"""
            DO $batches$
            DECLARE
                page bigint;
                pages bigint;
                batch bigint;
                changed bigint;
            BEGIN
                FOR pass IN 1..{Passes} LOOP
                    changed := 0;
                    page := 0;
                    pages := pg_relation_size({Literal(table)}) / current_setting('block_size')::bigint;
                    WHILE page <= pages LOOP
                        {change}
                        WHERE ctid >= format('(%s,0)', page)::tid AND ctid < format('(%s,0)', page + {Pages})::tid
                            AND ({condition});
                        GET DIAGNOSTICS batch = ROW_COUNT;
                        COMMIT;
                        changed := changed + batch;
                        page := page + {Pages};
                    END LOOP;
                    EXIT WHEN changed = 0;
                END LOOP;
            END
            $batches$;
            """
        );

    [GeneratedRegex(
        """
            ^\s*
            (?<change>
                UPDATE \s+ (?<table>[\w".]+) \s+ SET \s+ (?<column>\w+|"[^"]+") \s* = \s*
                    (?<value>(?: (?! \b(?:WHERE|FROM|RETURNING)\b | ,\s*[\w"]+\s*= ) [^;] )+?)
                | DELETE \s+ FROM \s+ (?<table>[\w".]+)
            )
            (?: \s+ WHERE \s+ (?<where>(?: (?!\bRETURNING\b) [^;] )+) )?
            $
            """,
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.IgnorePatternWhitespace
    )]
    private static partial Regex OneTable();
}
