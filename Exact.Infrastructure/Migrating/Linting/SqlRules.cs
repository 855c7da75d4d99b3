using Microsoft.EntityFrameworkCore.Migrations.Operations;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>
/// Rules for raw SQL, which a person has to read, and for a few dangerous statements in it.
/// </summary>
internal static class SqlRules
{
    public static readonly LintRule[] All =
    [
        LintRule.Each<SqlOperation>(AllowAttribute.RawSql, Unread),
        Forbidding(
            "adding-exclusion-constraint",
            @"\bEXCLUDE\s*(USING\b|\()",
            "Nobody can read or write the table until the constraint's index is built, and it cannot be built concurrently.",
            """
            // create a new table with the constraint, write to both, copy the rows in batches, then read from the new
            // one
            [Allow("adding-exclusion-constraint", "<how many rows it has, and how long the build took on a copy>")]
            """
        ),
        Forbidding(
            "ban-truncate-cascade",
            @"^TRUNCATE\b.*\bCASCADE\b",
            "It also empties every table that references this one, directly or indirectly.",
            "// name each table to be emptied\nmigrationBuilder.Sql(\"TRUNCATE a, b;\");"
        ),
        Forbidding(
            "ban-drop-database",
            @"^DROP\s+DATABASE\b",
            "A migration must not drop a database.",
            "// drop it by hand with psql, after a backup"
        ),
    ];

    /// <summary>Finds the raw statements that match, each with its operation.</summary>
    public static IEnumerable<(SqlOperation Operation, string Statement)> Matching(
        LintedMigration migration,
        string pattern
    ) =>
        from operation in migration.Operations.OfType<SqlOperation>()
        from statement in SqlText.Statements(operation)
        where SqlText.Matches(statement, pattern)
        select (operation, statement);

    private static Violation Unread(SqlOperation operation, LintedMigration migration) =>
        new(
            "The linter cannot tell what this SQL locks, rewrites or breaks.",
            SafeForm.Write($"[Allow(\"{AllowAttribute.RawSql}\", \"{AllowAttribute.RawSqlReason}\")]")
        );

    private static LintRule Forbidding(string code, string pattern, string problem, string instead) =>
        LintRule.Whole(
            code,
            migration =>
                Matching(migration, pattern)
                    .Select(found => new Violation(problem, SafeForm.Write(instead)) { Operation = found.Operation })
        );
}
