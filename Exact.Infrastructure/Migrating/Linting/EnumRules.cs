using Microsoft.EntityFrameworkCore.Migrations.Operations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>
/// Rules for PostgreSQL enums, whose labels are permanent, ordered, and usable only after the commit.
/// </summary>
internal static class EnumRules
{
    public static readonly LintRule[] All =
    [
        LintRule.Whole("renaming-enum-value", Renamed),
        LintRule.Whole("require-enum-value-ordering", Unordered),
        LintRule.Whole("adding-enum-value-with-other-changes", NotAlone),
    ];

    private static IEnumerable<Violation> Renamed(LintedMigration migration)
    {
        foreach (var database in migration.Operations.OfType<AlterDatabaseOperation>())
        {
            foreach (var (name, old, @new) in Changed(database))
            {
                foreach (var label in old.Except(@new))
                {
                    yield return new Violation(
                        $"Running replicas still write \"{label}\" of {name}, and PostgreSQL cannot remove a label.",
                        KeepLabel(label)
                    )
                    {
                        Operation = database,
                    };
                }
            }
        }

        foreach (var (operation, _) in SqlRules.Matching(migration, @"^ALTER\s+TYPE\b.*\bRENAME\s+VALUE\b"))
        {
            yield return new Violation(
                "Running replicas still write the old label, and fail as soon as it is renamed.",
                KeepLabel("the old label")
            )
            {
                Operation = operation,
            };
        }
    }

    private static IEnumerable<Violation> Unordered(LintedMigration migration) =>
        from found in SqlRules.Matching(migration, @"^ALTER\s+TYPE\b.*\bADD\s+VALUE\b(?!.*\b(BEFORE|AFTER)\b)")
        select new Violation(
            "The new label sorts after all others, wherever it stands in the code.",
            SafeForm.Write(
                "[Allow(\"raw-sql\", \"It changes only the catalog.\")] // on the class\n"
                    + $"migrationBuilder.Sql(\"{found.Operation.Sql.Trim().TrimEnd(';')} AFTER 'the label before it'\");"
            )
        )
        {
            Operation = found.Operation,
        };

    private static IEnumerable<Violation> NotAlone(LintedMigration migration)
    {
        if (migration.Operations.Count == 1)
        {
            yield break;
        }

        var adding = migration
            .Operations.OfType<AlterDatabaseOperation>()
            .Where(database => Changed(database).Any(change => change.New.Except(change.Old).Any()))
            .Concat<MigrationOperation>(
                SqlRules.Matching(migration, @"^ALTER\s+TYPE\b.*\bADD\s+VALUE\b").Select(found => found.Operation)
            );
        foreach (var operation in adding)
        {
            var rest = SafeMigration.Of([.. migration.Operations.Where(other => other != operation)]);
            yield return new Violation(
                "A new label cannot be used before it is committed, at the end of this migration.",
                SafeForm.Migrate(
                    operation is SqlOperation sql
                        ? SafeMigration.Sql("It changes only the catalog.", sql.Sql)
                        : SafeMigration.Of(operation),
                    rest
                )
            )
            {
                Operation = operation,
            };
        }
    }

    private static IEnumerable<(string Name, IReadOnlyList<string> Old, IReadOnlyList<string> New)> Changed(
        AlterDatabaseOperation database
    ) =>
        from old in PostgresEnum.GetPostgresEnums(database.OldDatabase)
        join @new in PostgresEnum.GetPostgresEnums(database) on (old.Schema, old.Name) equals (@new.Schema, @new.Name)
        select (@new.Name, old.Labels, @new.Labels);

    private static SafeForm KeepLabel(string label) =>
        SafeForm.Write($"// in the enum: rename it only in the code\n[PgName(\"{label}\")] TheNewName,");
}
