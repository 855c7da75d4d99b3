using Microsoft.EntityFrameworkCore.Migrations.Operations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;
using static Exact.Infrastructure.Migrating.Linting.SqlText;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>
/// Rules for adding columns: add them without touching the rows, and fill them while the application runs.
/// </summary>
internal static class ColumnRules
{
    private const string ValueGeneration = "Npgsql:ValueGenerationStrategy";

    public static readonly LintRule[] All =
    [
        LintRule.OnExistingTable<AlterColumnOperation>("adding-not-nullable-field", SetNotNull),
        LintRule.OnExistingTable<AddColumnOperation>("adding-required-field", Required),
        LintRule.OnExistingTable<AddColumnOperation>("adding-field-with-default", VolatileDefault),
        LintRule.OnExistingTable<AddColumnOperation>("adding-generated-column", Generated),
        LintRule.OnExistingTable<AlterColumnOperation>("adding-generated-column", Regenerated),
        LintRule.OnExistingTable<AddColumnOperation>("adding-identity-column", Identity),
    ];

    private static Violation? SetNotNull(AlterColumnOperation column)
    {
        if (column.IsNullable || !column.OldColumn.IsNullable)
        {
            return null;
        }

        SafeMigration[] fill = ColumnDefault.Of(column) is { } value
            ? [SafeSql.SetDefault(column, column.Name, value), SafeSql.Fill(column, column.Name, value)]
            : [];
        return new Violation(
            $"Nobody can read or write {column.Table} until every row has been checked for null.",
            SafeForm.Migrate([.. fill, .. SafeSql.SetNotNull(column, column.Name)])
        );
    }

    private static Violation? Required(AddColumnOperation column)
    {
        if (
            column.IsNullable
            || ColumnDefault.Of(column) is not null
            || column.ComputedColumnSql is not null
            || IsGenerated(column)
        )
        {
            return null;
        }

        var safe = Columns.Bare(column, nullable: ColumnDefault.Zero(column) is null);
        safe.DefaultValue = ColumnDefault.Zero(column);
        return new Violation(
            $"The rows of {column.Table} have no value for it, so PostgreSQL rejects the column, and later the inserts of old replicas.",
            SafeForm.Migrate(SafeMigration.Of(safe))
        );
    }

    private static Violation? VolatileDefault(AddColumnOperation column) =>
        column.DefaultValueSql is { } sql && ColumnDefault.IsVolatile(sql)
            ? new Violation(
                $"The default differs from row to row, so nobody can read or write {column.Table} until every row is rewritten.",
                SafeForm.Migrate([
                    SafeSql.AddWithDefault(column, sql),
                    SafeSql.Fill(column, column.Name, sql),
                    .. column.IsNullable ? [] : SafeSql.SetNotNull(column, column.Name),
                ])
            )
            : null;

    private static Violation? Generated(AddColumnOperation column) =>
        column is { ComputedColumnSql: { } expression, IsStored: not false }
            ? new Violation(
                $"Nobody can read or write {column.Table} until every row is rewritten with its value.",
                SafeForm.Migrate([
                    new SafeMigration(
                        [
                            Columns.Bare(column, nullable: true),
                            new SqlOperation
                            {
                                Sql = SafeSql.Trigger(
                                    column,
                                    column.Name,
                                    $"NEW.{Quote(column.Name)} := (SELECT {expression} FROM (SELECT NEW.*) AS this_row);"
                                ),
                            },
                        ],
                        new AllowAttribute(
                            AllowAttribute.RawSql,
                            "The trigger computes the value of new rows; the model has ValueGeneratedOnAddOrUpdate()."
                        )
                    ),
                    SafeSql.Follow(column, column.Name, expression),
                    .. column.IsNullable ? [] : SafeSql.SetNotNull(column, column.Name),
                ])
            )
            : null;

    // The provider drops the column and adds it again.
    private static Violation? Regenerated(AlterColumnOperation column)
    {
        if (column.ComputedColumnSql is null || column.ComputedColumnSql == column.OldColumn.ComputedColumnSql)
        {
            return null;
        }

        var added = Columns.Bare(column, column.IsNullable);
        added.Name = IdentifierLength.Fit($"{column.Name}_new");
        added.ComputedColumnSql = column.ComputedColumnSql;
        return Generated(added);
    }

    private static Violation? Identity(AddColumnOperation column)
    {
        if (!IsGenerated(column))
        {
            return null;
        }

        var sequence = Quote(IdentifierLength.Fit($"{column.Table}_{column.Name}_filling"), column.Schema);
        var next = $"nextval({Literal(sequence)})";
        var alter = $"ALTER TABLE {SafeSql.Name(column)} ALTER COLUMN {Quote(column.Name)}";
        var kind =
            column[ValueGeneration] is NpgsqlValueGenerationStrategy.IdentityAlwaysColumn ? "ALWAYS" : "BY DEFAULT";
        return new Violation(
            $"Nobody can read or write {column.Table} until every row is rewritten with its number.",
            SafeForm.Migrate([
                SafeSql.AddWithDefault(column, next, $"CREATE SEQUENCE {sequence};\n"),
                SafeSql.Fill(column, column.Name, next),
                .. SafeSql.SetNotNull(column, column.Name),
                SafeMigration.Sql(
                    "It changes only the catalog: the column continues as an identity.",
                    $"""
                    DO $identity$
                    BEGIN
                        {alter} DROP DEFAULT;
                        EXECUTE format('{alter} ADD GENERATED {kind} AS IDENTITY (START WITH %s)', {next});
                        DROP SEQUENCE {sequence};
                    END
                    $identity$;
                    """
                ),
            ])
        );
    }

    private static bool IsGenerated(ColumnOperation column) =>
        column[ValueGeneration]
            is NpgsqlValueGenerationStrategy.IdentityAlwaysColumn
                or NpgsqlValueGenerationStrategy.IdentityByDefaultColumn
                or NpgsqlValueGenerationStrategy.SerialColumn;
}
