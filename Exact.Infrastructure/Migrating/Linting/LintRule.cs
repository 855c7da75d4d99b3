using Microsoft.EntityFrameworkCore.Migrations.Operations;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>One line of the table: a code, and what breaks it.</summary>
/// <param name="Code">The rule's name; the one that Squawk knows it by, where it does.</param>
/// <param name="Severity">Whether breaking it fails the build.</param>
/// <param name="Check">Every violation in a migration.</param>
internal sealed record LintRule(string Code, LintSeverity Severity, Func<LintedMigration, IEnumerable<Violation>> Check)
{
    /// <summary>A rule about a migration as a whole.</summary>
    public static LintRule Whole(string code, Func<LintedMigration, IEnumerable<Violation>> check) =>
        new(code, LintSeverity.Error, check);

    /// <summary>A rule about each operation of a kind.</summary>
    public static LintRule Each<T>(
        string code,
        Func<T, LintedMigration, Violation?> check,
        LintSeverity severity = LintSeverity.Error
    )
        where T : MigrationOperation =>
        new(
            code,
            severity,
            migration =>
                from operation in migration.Operations.OfType<T>()
                let violation = check(operation, migration)
                where violation is not null
                select violation with
                {
                    Operation = operation,
                }
        );

    /// <summary>A rule that locks or rows are the reason for: a table that the same migration creates has neither.</summary>
    public static LintRule OnExistingTable<T>(string code, Func<T, Violation?> check)
        where T : MigrationOperation, ITableMigrationOperation =>
        Each<T>(
            code,
            (operation, migration) => migration.Creates(operation.Table, operation.Schema) ? null : check(operation)
        );
}

/// <summary>What a rule found.</summary>
/// <param name="Problem">What is wrong, in one sentence.</param>
/// <param name="SafeForm">What to write instead.</param>
internal sealed record Violation(string Problem, SafeForm SafeForm)
{
    /// <summary>The operation; null: the migration as a whole.</summary>
    public MigrationOperation? Operation { get; init; }
}
