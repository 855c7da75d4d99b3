using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.EntityFrameworkCore.Migrations.Operations;
using static Exact.Infrastructure.Migrating.Linting.SqlText;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>Rules for adding constraints: check the rows without blocking the application.</summary>
internal static class ConstraintRules
{
    public static readonly LintRule[] All =
    [
        LintRule.OnExistingTable<AddForeignKeyOperation>("adding-foreign-key-constraint", ForeignKey),
        LintRule.OnExistingTable<AddCheckConstraintOperation>("constraint-missing-not-valid", Check),
        LintRule.OnExistingTable<AddUniqueConstraintOperation>("disallowed-unique-constraint", Unique),
        LintRule.OnExistingTable<AddPrimaryKeyOperation>("adding-primary-key-constraint", PrimaryKey),
    ];

    private static Violation? ForeignKey(AddForeignKeyOperation key)
    {
        var principal = Quote(key.PrincipalTable, key.PrincipalSchema);
        var columns = key.PrincipalColumns is { Length: > 0 } named ? $" ({Quote(named)})" : "";
        var definition =
            $"FOREIGN KEY ({Quote(key.Columns)}) REFERENCES {principal}{columns}"
            + Action("UPDATE", key.OnUpdate)
            + Action("DELETE", key.OnDelete);
        return new Violation(
            $"Nobody can write to {key.Table} or {key.PrincipalTable} until every row has been checked.",
            SafeForm.Migrate([.. SafeSql.AddNotValid(key, key.Name, definition)])
        );
    }

    private static Violation? Check(AddCheckConstraintOperation check) =>
        new(
            $"Nobody can read or write {check.Table} until every row has been checked.",
            SafeForm.Migrate([.. SafeSql.AddNotValid(check, check.Name, $"CHECK ({check.Sql})")])
        );

    private static Violation? Unique(AddUniqueConstraintOperation constraint) =>
        new(
            $"Nobody can read or write {constraint.Table} until the constraint's index is built.",
            UsingIndex(constraint, constraint.Name, constraint.Columns, "UNIQUE")
        );

    private static Violation? PrimaryKey(AddPrimaryKeyOperation key) =>
        new(
            $"Nobody can read or write {key.Table} until the key's index is built, and every row has been checked for null.",
            UsingIndex(key, key.Name, key.Columns, "PRIMARY KEY")
        );

    private static SafeForm UsingIndex(ITableMigrationOperation table, string name, string[] columns, string kind) =>
        SafeForm.Migrate(
            SafeMigration.Of(
                IndexRules.AsConcurrent(
                    new CreateIndexOperation
                    {
                        Name = name,
                        Table = table.Table,
                        Schema = table.Schema,
                        Columns = columns,
                        IsUnique = true,
                    }
                )
            ),
            SafeMigration.Sql(
                "The index already exists and becomes the constraint's.",
                $"ALTER TABLE {SafeSql.Name(table)} ADD CONSTRAINT {Quote(name)} {kind} USING INDEX {Quote(name)};"
            )
        );

    private static string Action(string on, ReferentialAction action) =>
        action switch
        {
            ReferentialAction.Cascade => $" ON {on} CASCADE",
            ReferentialAction.Restrict => $" ON {on} RESTRICT",
            ReferentialAction.SetNull => $" ON {on} SET NULL",
            ReferentialAction.SetDefault => $" ON {on} SET DEFAULT",
            _ => "",
        };
}
