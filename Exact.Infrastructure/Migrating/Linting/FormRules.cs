using Microsoft.EntityFrameworkCore.Migrations.Operations;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>Rules for every migration: names that PostgreSQL does not shorten, and a way back.</summary>
internal static class FormRules
{
    public static readonly LintRule[] All =
    [
        LintRule.Whole("identifier-too-long", TooLong),
        LintRule.Whole("missing-down", NoWayBack),
    ];

    private static IEnumerable<Violation> TooLong(LintedMigration migration) =>
        from operation in migration.Operations
        from name in NewNames(operation).Distinct()
        where !IdentifierLength.Fits(name)
        select new Violation(
            $"PostgreSQL shortens \"{name}\" to \"{IdentifierLength.Cut(name)}\", and EF Core does not find it under the long name.",
            SafeForm.Write(
                "// in the configuration: HasDatabaseName, HasName, HasConstraintName, HasColumnName or ToTable\n"
                    + $".HasDatabaseName({OperationCode.Literal(IdentifierLength.Fit(name))})"
            )
        )
        {
            Operation = operation,
        };

    private static IEnumerable<Violation> NoWayBack(LintedMigration migration)
    {
        if (migration.Operations.Count > 0 && migration.UndoOperations.Count == 0)
        {
            var undo = migration.Operations.Reverse().Select(Undo);
            yield return new Violation(
                "This migration cannot be reverted: Down() is missing, empty or throws.",
                SafeForm.Write(
                    $$"""
                    protected override void Down(MigrationBuilder migrationBuilder)
                    {
                        {{string.Join("\n    ", undo)}}
                    }
                    """
                )
            );
        }
    }

    private static string Undo(MigrationOperation operation) =>
        operation switch
        {
            CreateTableOperation table => OperationCode.Write(
                new DropTableOperation { Name = table.Name, Schema = table.Schema }
            ),
            AddColumnOperation column => Drop("Column", column.Name, column),
            CreateIndexOperation index => Drop("Index", index.Name, index),
            AddForeignKeyOperation key => Drop("ForeignKey", key.Name, key),
            AddUniqueConstraintOperation unique => Drop("UniqueConstraint", unique.Name, unique),
            AddCheckConstraintOperation check => Drop("CheckConstraint", check.Name, check),
            AddPrimaryKeyOperation key => Drop("PrimaryKey", key.Name, key),
            _ => $"// undo: {OperationCode.Describe(operation)}",
        };

    private static string Drop(string what, string name, ITableMigrationOperation table)
    {
        var schema = table.Schema is null ? "" : $", schema: {OperationCode.Literal(table.Schema)}";
        return $"migrationBuilder.Drop{what}(name: {OperationCode.Literal(name)}, table: {OperationCode.Literal(table.Table)}{schema});";
    }

    private static IEnumerable<string> NewNames(MigrationOperation operation) =>
        operation switch
        {
            CreateTableOperation table =>
            [
                table.Name,
                .. table.Columns.Select(column => column.Name),
                .. table.ForeignKeys.Select(key => key.Name),
                .. table.UniqueConstraints.Select(unique => unique.Name),
                .. table.CheckConstraints.Select(check => check.Name),
                .. table.PrimaryKey is { } key ? [key.Name] : Array.Empty<string>(),
            ],
            EnsureSchemaOperation schema => [schema.Name],
            CreateSequenceOperation sequence => [sequence.Name],
            AddColumnOperation column => [column.Name],
            CreateIndexOperation index => [index.Name],
            AddForeignKeyOperation key => [key.Name],
            AddUniqueConstraintOperation unique => [unique.Name],
            AddCheckConstraintOperation check => [check.Name],
            AddPrimaryKeyOperation key => [key.Name],
            RenameColumnOperation column => [column.NewName],
            RenameTableOperation { NewName: { } name } => [name],
            RenameIndexOperation index => [index.NewName],
            RenameSequenceOperation { NewName: { } name } => [name],
            _ => [],
        };
}
