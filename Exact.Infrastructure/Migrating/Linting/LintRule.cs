using Microsoft.EntityFrameworkCore.Migrations.Operations;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>A rule: its code, and what breaks it.</summary>
/// <param name="Code">The rule's name: Squawk's, if Squawk has the rule.</param>
/// <param name="Severity">Whether breaking it fails the test.</param>
/// <param name="Check">Finds every violation in a migration.</param>
internal sealed record LintRule(string Code, LintSeverity Severity, Func<LintedMigration, IEnumerable<Violation>> Check)
{
    /// <summary>Creates a rule for a migration as a whole.</summary>
    public static LintRule Whole(string code, Func<LintedMigration, IEnumerable<Violation>> check) =>
        new(code, LintSeverity.Error, check);

    /// <summary>Creates a rule for each operation of a type.</summary>
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

    /// <summary>
    /// Creates a rule about locks or rows, which a table created by the same migration does not have.
    /// </summary>
    public static LintRule OnExistingTable<T>(string code, Func<T, Violation?> check)
        where T : MigrationOperation, ITableMigrationOperation =>
        Each<T>(
            code,
            (operation, migration) => migration.Creates(operation.Table, operation.Schema) ? null : check(operation)
        );
}

/// <summary>What a rule found.</summary>
/// <param name="Problem">The problem, in one sentence.</param>
/// <param name="SafeForm">What to write instead.</param>
internal sealed record Violation(string Problem, SafeForm SafeForm)
{
    /// <summary>The operation; null for the migration as a whole.</summary>
    public MigrationOperation? Operation { get; init; }
}
