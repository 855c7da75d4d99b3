using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Migrations.Operations;
using static Exact.Infrastructure.Migrating.Linting.SqlText;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>Rules for types: choose them once, because a change rewrites the table.</summary>
internal static class TypeRules
{
    public static readonly LintRule[] All =
    [
        LintRule.Each<AlterColumnOperation>("changing-column-type", Change),
        OfNewColumns("prefer-jsonb", type => type is "json", "jsonb", "compares, indexes and reads faster than json"),
        OfNewColumns(
            "ban-char-field",
            type => type is "character",
            "text",
            "does not pad values with blanks, as char(n) does"
        ),
        OfNewColumns(
            "prefer-timestamptz",
            type => type is "timestamp without time zone",
            "timestamp with time zone",
            "is unambiguous in every time zone"
        ),
        LintRule.Whole("prefer-bigint-over-int", SmallKeys),
    ];

    private static Violation? Change(AlterColumnOperation column, LintedMigration migration)
    {
        if (migration.Creates(column.Table, column.Schema) || column.ComputedColumnSql is not null)
        {
            return null;
        }

        var (from, to) = (Columns.TypeOf(column.OldColumn), Columns.TypeOf(column));
        if (from == to && column.Collation == column.OldColumn.Collation)
        {
            return null;
        }

        var widens = from.WidensTo(to) && column.Collation == column.OldColumn.Collation;
        var dependents = widens ? Dependents(column, migration).ToList() : [];
        if (widens && dependents.Count == 0)
        {
            return null;
        }

        return new Violation(
            widens
                ? $"No row is rewritten, but nobody can read or write {column.Table} until PostgreSQL has read all rows "
                    + $"for {string.Join(", ", dependents)}."
                : $"Nobody can read or write {column.Table} until it and its indexes are rewritten, and running "
                    + "replicas expect the old type.",
            InANewColumn(column)
        );
    }

    /// <summary>
    /// Finds what PostgreSQL checks or rebuilds even if the type only widens: check constraints and partial indexes on
    /// the column.
    /// </summary>
    private static IEnumerable<string> Dependents(AlterColumnOperation column, LintedMigration migration)
    {
        var entities = (migration.Target?.GetEntityTypes() ?? []).Where(entity =>
            entity.GetTableName() == column.Table && entity.GetSchema() == column.Schema
        );
        foreach (var entity in entities)
        {
            foreach (var check in entity.GetCheckConstraints().Where(check => Mentions(check.Sql, column.Name)))
            {
                yield return $"the check {check.Name ?? check.ModelName}";
            }

            foreach (var index in entity.GetIndexes())
            {
                var indexed = index.Properties.Any(property => property.GetColumnName() == column.Name);
                if (index.GetFilter() is { } filter && (indexed || Mentions(filter, column.Name)))
                {
                    yield return $"the partial index {index.GetDatabaseName()}";
                }
            }
        }
    }

    private static SafeForm InANewColumn(AlterColumnOperation column)
    {
        var added = Columns.Bare(column, nullable: true);
        added.Name = IdentifierLength.Fit($"{column.Name}_new");
        var (old, @new) = (Quote(column.Name), Quote(added.Name));
        var (oldType, newType) = (Columns.StoreType(column.OldColumn), Columns.StoreType(column));
        var trigger = SafeSql.Trigger(
            column,
            added.Name,
            $"""
            IF TG_OP = 'INSERT' THEN
                NEW.{@new} := COALESCE(NEW.{@new}, NEW.{old}::{newType});
                NEW.{old} := COALESCE(NEW.{old}, NEW.{@new}::{oldType});
            ELSIF NEW.{old}::text IS DISTINCT FROM OLD.{old}::text THEN
                NEW.{@new} := NEW.{old}::{newType};
            ELSIF NEW.{@new}::text IS DISTINCT FROM OLD.{@new}::text
                AND NEW.{@new}::text IS DISTINCT FROM NEW.{old}::{newType}::text THEN
                NEW.{old} := NEW.{@new}::{oldType};
            END IF;
            """
        );
        return SafeForm.Migrate([
            new SafeMigration(
                [added, new SqlOperation { Sql = trigger }],
                new AllowAttribute(
                    AllowAttribute.RawSql,
                    "The trigger keeps both columns equal while two releases run."
                )
            ),
            SafeSql.Follow(column, added.Name, $"{old}::{newType}"),
            .. column.IsNullable ? [] : SafeSql.SetNotNull(column, added.Name),
            ContractRules.DropInALaterRelease(column, column.Name, SafeSql.DropTrigger(column, added.Name)),
        ]);
    }

    private static LintRule OfNewColumns(string code, Func<string, bool> isWorse, string better, string because) =>
        LintRule.Whole(
            code,
            migration =>
                from operation in migration.Operations
                from column in operation switch
                {
                    CreateTableOperation table => table.Columns,
                    AddColumnOperation added => [added],
                    AlterColumnOperation altered when Columns.TypeOf(altered) != Columns.TypeOf(altered.OldColumn) =>
                    [
                        altered,
                    ],
                    _ => Enumerable.Empty<ColumnOperation>(),
                }
                where isWorse(Columns.TypeOf(column).Name)
                select new Violation(
                    $"{column.Table}.{column.Name} is {Columns.TypeOf(column).Name}; {better} {because}.",
                    InTheModel(column, $".HasColumnType(\"{better}\")")
                )
                {
                    Operation = operation,
                }
        );

    private static IEnumerable<Violation> SmallKeys(LintedMigration migration) =>
        from table in migration.Operations.OfType<CreateTableOperation>()
        where table.PrimaryKey is { Columns.Length: 1 }
        from column in table.Columns
        where column.Name == table.PrimaryKey!.Columns[0] && Columns.TypeOf(column).Name is "integer" or "smallint"
        select new Violation(
            $"A key of type {Columns.TypeOf(column).Name} can run out, and changing it rewrites {table.Name} and "
                + "every table that references it.",
            SafeForm.Write(
                "// in the entity, and in those that reference it; then \"dotnet ef migrations add\" again\n"
                    + $"public long {Columns.Property(column.Name)} {{ get; private set; }}"
            )
        )
        {
            Operation = table,
        };

    private static SafeForm InTheModel(ColumnOperation column, string call) =>
        SafeForm.Write(
            "// in the entity's configuration; then \"dotnet ef migrations add\" again\n"
                + $"builder.Property(entity => entity.{Columns.Property(column.Name)}){call};"
        );

    private static bool Mentions(string sql, string column) =>
        Words(sql).Contains(column, StringComparer.OrdinalIgnoreCase);
}
