using Microsoft.EntityFrameworkCore.Migrations.Operations;
using static Exact.Infrastructure.Migrating.Linting.SqlText;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>Replicas of the last release still run: what they read and write keeps its name until they are gone.</summary>
internal static class ContractRules
{
    private const string DropColumn = "ban-drop-column";
    private const string DropTable = "ban-drop-table";
    private const string Unused = "The release before this one does not use it any more.";

    public static readonly LintRule[] All =
    [
        LintRule.OnExistingTable<DropColumnOperation>(DropColumn, Drop),
        LintRule.Each<DropTableOperation>(DropTable, Drop),
        LintRule.OnExistingTable<RenameColumnOperation>("renaming-column", Rename),
        LintRule.Each<RenameTableOperation>("renaming-table", Rename),
        LintRule.Each<RenameSequenceOperation>("renaming-sequence", Rename),
    ];

    /// <summary>The end of an expansion: the old column goes when no replica is left that knows it.</summary>
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
                new AllowAttribute(SqlRules.RawSql, "Nothing needs the two columns in step any more.")
            );
    }

    private static Violation Drop(DropColumnOperation column) =>
        new(
            $"Running replicas still read and write {column.Table}.{column.Name}, and what is in it is gone.",
            SafeForm.Migrate(
                SafeMigration.Sql(
                    "The release that stops using it need not fill it.",
                    $"ALTER TABLE {SafeSql.Name(column)} ALTER COLUMN {Quote(column.Name)} DROP NOT NULL;"
                ),
                DropInALaterRelease(column, column.Name)
            )
        );

    private static Violation Drop(DropTableOperation table, LintedMigration migration) =>
        new(
            $"Running replicas still use {table.Name}, and what is in it is gone.",
            SafeForm.Migrate(new SafeMigration([table], new AllowAttribute(DropTable, Unused)))
        );

    private static Violation Rename(RenameColumnOperation column) =>
        new(
            $"Running replicas still call it {column.Name}, and fail from the moment it is renamed.",
            SafeForm.Write(
                $"// in the entity's configuration: the new name in code alone\nbuilder.Property(entity => entity.{Columns.Property(column.NewName)}).HasColumnName(\"{column.Name}\");"
            )
        );

    private static Violation Rename(RenameTableOperation table, LintedMigration migration)
    {
        var schema = table.Schema is null ? "" : $", \"{table.Schema}\"";
        return new Violation(
            $"Running replicas still call it {table.Name}, and fail from the moment it is renamed or moved.",
            SafeForm.Write(
                $"// in the entity's configuration: the new name in code alone\nbuilder.ToTable(\"{table.Name}\"{schema});"
            )
        );
    }

    private static Violation Rename(RenameSequenceOperation sequence, LintedMigration migration) =>
        new(
            $"Running replicas still take numbers from {sequence.Name}, and fail from the moment it is renamed or moved.",
            SafeForm.Write($"// in the model: keep the name\nbuilder.HasSequence(\"{sequence.Name}\");")
        );
}
