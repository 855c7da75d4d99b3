using Microsoft.EntityFrameworkCore.Migrations.Operations;
using static Exact.Infrastructure.Migrating.Linting.SqlText;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>Rules for dropping and renaming: replicas of the last release still use the old names.</summary>
internal static class ContractRules
{
    private const string DropColumn = "ban-drop-column";
    private const string DropTable = "ban-drop-table";
    private const string Unused = "The previous release no longer uses it.";

    public static readonly LintRule[] All =
    [
        LintRule.OnExistingTable<DropColumnOperation>(DropColumn, Drop),
        LintRule.Each<DropTableOperation>(DropTable, Drop),
        LintRule.OnExistingTable<RenameColumnOperation>("renaming-column", Rename),
        LintRule.Each<RenameTableOperation>("renaming-table", Rename),
        LintRule.Each<RenameSequenceOperation>("renaming-sequence", Rename),
    ];

    /// <summary>Drops the old column once no running replica uses it.</summary>
    public static SafeMigration DropInALaterRelease(
        ITableMigrationOperation table,
        string column,
        string? before = null
    )
    {
        var drop = new DropColumnOperation
        {
            Name = column,
            Table = table.Table,
            Schema = table.Schema,
        };
        var allowed = new AllowAttribute(DropColumn, Unused);
        return before is null
            ? new SafeMigration([drop], allowed)
            : new SafeMigration(
                [new SqlOperation { Sql = before }, drop],
                allowed,
                new AllowAttribute(
                    AllowAttribute.RawSql,
                    "No replica uses the old column, so the trigger has no purpose."
                )
            );
    }

    private static Violation Drop(DropColumnOperation column) =>
        new(
            $"Running replicas still read and write {column.Table}.{column.Name}, and its values are lost.",
            SafeForm.Migrate(
                SafeMigration.Sql(
                    "It changes only the catalog: new code need not fill the column.",
                    $"ALTER TABLE {SafeSql.Name(column)} ALTER COLUMN {Quote(column.Name)} DROP NOT NULL;"
                ),
                DropInALaterRelease(column, column.Name)
            )
        );

    private static Violation Drop(DropTableOperation table, LintedMigration migration) =>
        new(
            $"Running replicas still use {table.Name}, and its rows are lost.",
            SafeForm.Migrate(new SafeMigration([table], new AllowAttribute(DropTable, Unused)))
        );

    private static Violation Rename(RenameColumnOperation column) =>
        new(
            $"Running replicas still call it {column.Name}, and fail as soon as it is renamed.",
            SafeForm.Write(
                "// in the entity's configuration: rename it only in the code\n"
                    + $"builder.Property(entity => entity.{Columns.Property(column.NewName)}).HasColumnName(\"{column.Name}\");"
            )
        );

    private static Violation Rename(RenameTableOperation table, LintedMigration migration)
    {
        var schema = table.Schema is null ? "" : $", \"{table.Schema}\"";
        return new Violation(
            $"Running replicas still call it {table.Name}, and fail as soon as it is renamed or moved.",
            SafeForm.Write(
                $"// in the entity's configuration: rename it only in the code\nbuilder.ToTable(\"{table.Name}\"{schema});"
            )
        );
    }

    private static Violation Rename(RenameSequenceOperation sequence, LintedMigration migration) =>
        new(
            $"Running replicas still take numbers from {sequence.Name}, and fail as soon as it is renamed or moved.",
            SafeForm.Write($"// in the model: keep the name\nbuilder.HasSequence(\"{sequence.Name}\");")
        );
}
