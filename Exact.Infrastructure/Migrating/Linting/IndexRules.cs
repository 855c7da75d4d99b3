using Microsoft.EntityFrameworkCore.Migrations.Operations;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>Rules for indexes: build and drop them while the application runs.</summary>
internal static class IndexRules
{
    private const string Concurrently = "Npgsql:CreatedConcurrently";
    private const string Include = "Npgsql:IndexInclude";
    private const int WideColumns = 3;

    public static readonly LintRule[] All =
    [
        LintRule.OnExistingTable<CreateIndexOperation>("require-concurrent-index-creation", Creation),
        LintRule.Each<DropIndexOperation>("require-concurrent-index-deletion", Deletion),
        LintRule.Whole("ban-concurrent-index-creation-in-transaction", NotAlone),
        LintRule.Each<CreateIndexOperation>("wide-index", Wide, LintSeverity.Warning),
    ];

    public static CreateIndexOperation AsConcurrent(CreateIndexOperation index)
    {
        var concurrent = new CreateIndexOperation
        {
            Name = index.Name,
            Schema = index.Schema,
            Table = index.Table,
            Columns = index.Columns,
            IsUnique = index.IsUnique,
            IsDescending = index.IsDescending,
            Filter = index.Filter,
        };
        concurrent.AddAnnotations(index.GetAnnotations());
        concurrent[Concurrently] = true;
        return concurrent;
    }

    private static Violation? Creation(CreateIndexOperation index) =>
        IsConcurrent(index)
            ? null
            : new Violation(
                $"Nobody can write to {index.Table} until {index.Name} is built; IsCreatedConcurrently() in the "
                    + "configuration builds it without blocking.",
                SafeForm.Migrate(SafeMigration.Of(AsConcurrent(index)))
            );

    private static Violation? Deletion(DropIndexOperation index, LintedMigration migration) =>
        migration.Creates(index.Table, index.Schema)
            ? null
            : new Violation(
                $"Dropping {index.Name} waits for every reader of its table, and later queries wait behind it.",
                SafeForm.Migrate(
                    SafeMigration.SqlOutsideTransaction(
                        "CONCURRENTLY waits for readers without blocking others; EF Core cannot generate it.",
                        $"DROP INDEX CONCURRENTLY IF EXISTS {SqlText.Quote(index.Name, index.Schema)};"
                    )
                )
            );

    private static IEnumerable<Violation> NotAlone(LintedMigration migration)
    {
        foreach (var operation in migration.Operations)
        {
            var concurrent = operation is CreateIndexOperation index && IsConcurrent(index);
            var sql = operation as SqlOperation;
            var statements = sql is null ? [] : SqlText.Statements(sql);
            if (statements.Any(statement => SqlText.Matches(statement, @"\bCONCURRENTLY\b")))
            {
                concurrent = true;
                if (!sql!.SuppressTransaction)
                {
                    yield return new Violation(
                        "PostgreSQL rejects CONCURRENTLY inside a transaction.",
                        SafeForm.Migrate(Outside(sql))
                    )
                    {
                        Operation = operation,
                    };
                    continue;
                }
            }

            if (
                (concurrent || sql?.SuppressTransaction is true)
                && (migration.Operations.Count > 1 || (concurrent && statements.Count > 1))
            )
            {
                yield return new Violation(
                    "Outside a transaction nothing is rolled back, so after a failure this migration fails at every retry.",
                    SafeForm.Migrate(
                        sql is null ? SafeMigration.Of(operation) : Outside(sql),
                        SafeMigration.Of([.. migration.Operations.Where(other => other != operation)])
                    )
                )
                {
                    Operation = operation,
                };
            }
        }
    }

    private static Violation? Wide(CreateIndexOperation index, LintedMigration migration)
    {
        if (index.IsUnique || index.Columns.Length <= WideColumns)
        {
            return null;
        }

        var narrow = AsConcurrent(index);
        narrow.IsDescending = null; // must have as many items as Columns, so clear it first
        narrow.Columns = index.Columns[..WideColumns];
        narrow.IsDescending = index.IsDescending is { Length: > 0 } descending ? descending[..WideColumns] : null;
        narrow[Include] = index.Columns[WideColumns..].Concat(index[Include] as string[] ?? []).ToArray();
        return new Violation(
            $"{index.Name} sorts by {index.Columns.Length} columns, which slows every write; a fourth column seldom narrows a search.",
            SafeForm.Migrate(SafeMigration.Of(narrow))
        );
    }

    private static bool IsConcurrent(CreateIndexOperation index) => index[Concurrently] is true;

    private static SafeMigration Outside(SqlOperation operation) =>
        SafeMigration.SqlOutsideTransaction(
            "Alone in its migration, so that a failure leaves no half-applied migration.",
            operation.Sql
        );
}
