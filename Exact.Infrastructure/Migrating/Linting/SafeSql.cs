using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore.Migrations.Operations;
using static Exact.Infrastructure.Migrating.Linting.SqlText;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>The statements that safe forms are made of. Each migration commits, and so gives its locks back, by itself.</summary>
internal static partial class SafeSql
{
    private const int Pages = 100; // 800 kB a transaction
    private const int Passes = 10; // or replicas that go on writing the old value would keep it going for ever

    private static readonly AllowAttribute LaterRowsOnly = new(
        SqlRules.RawSql,
        "A default for later rows looks at none of today's."
    );

    public static SafeMigration SetDefault(ITableMigrationOperation table, string column, string defaultSql) =>
        new([new SqlOperation { Sql = SetDefaultSql(table, column, defaultSql) }], LaterRowsOnly);

    /// <summary>Adds a column empty, and gives it a default in the same moment, so that only the rows of today lack a value.</summary>
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

    /// <summary>Adds a constraint that holds for what is written from now on, then looks at what is there without keeping writers out.</summary>
    public static IEnumerable<SafeMigration> AddNotValid(
        ITableMigrationOperation table,
        string name,
        string definition
    ) =>
        [
            SafeMigration.Sql(
                "NOT VALID looks at no row, so its lock is short; the next migration validates.",
                $"ALTER TABLE {Name(table)} ADD CONSTRAINT {Quote(name)} {definition} NOT VALID;"
            ),
            SafeMigration.Sql(
                "VALIDATE lets the application read and write meanwhile.",
                $"ALTER TABLE {Name(table)} VALIDATE CONSTRAINT {Quote(name)};"
            ),
        ];

    /// <summary>Makes a column required without looking at the rows under a lock: a validated check proves that none is null.</summary>
    public static IEnumerable<SafeMigration> SetNotNull(ITableMigrationOperation table, string column)
    {
        var check = IdentifierLength.Fit($"ck_{table.Table}_{column}_not_null");
        return
        [
            .. AddNotValid(table, check, $"CHECK ({Quote(column)} IS NOT NULL)"),
            SafeMigration.Sql(
                "The validated check proves it, so no row is read.",
                $"""
                ALTER TABLE {Name(table)} ALTER COLUMN {Quote(column)} SET NOT NULL;
                ALTER TABLE {Name(table)} DROP CONSTRAINT {Quote(check)};
                """
            ),
        ];
    }

    /// <summary>Fills a column of every row that has no value yet.</summary>
    public static SafeMigration Fill(ITableMigrationOperation table, string column, string value) =>
        Batch(Name(table), $"UPDATE {Name(table)} SET {Quote(column)} = {value}", $"{Quote(column)} IS NULL");

    /// <summary>Brings a column of every row to a value that follows from the row, which may be null.</summary>
    public static SafeMigration Follow(ITableMigrationOperation table, string column, string value) =>
        Batch(
            Name(table),
            $"UPDATE {Name(table)} SET {Quote(column)} = {value}",
            $"{Quote(column)} IS DISTINCT FROM ({value})"
        );

    /// <summary>
    /// A statement that changes many rows, in batches. As a sketch where it is more than a DELETE, or than an UPDATE of one column to
    /// what does not depend on that column: anything else would change a row again in the next pass.
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

    /// <summary>A trigger that keeps a column in step with the row, while nothing else does.</summary>
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

    // Going by pages needs no key and reads each row once a pass. A row that the application changes meanwhile may move to a page that
    // has been passed, so there is a pass that finds nothing left.
    private static SafeMigration Batch(string table, string change, string condition) =>
        SafeMigration.SqlOutsideTransaction(
            "In batches, each its own transaction, so that no row stays locked for long; running it again goes on.",
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
