using Microsoft.EntityFrameworkCore.Migrations.Operations;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>
/// Raw SQL is read by a person, who says so. A few statements that nobody should overlook in it have a rule of their own.
/// </summary>
internal static class SqlRules
{
    /// <summary>The rule that every safe form with SQL in it lets pass.</summary>
    public const string RawSql = "raw-sql";

    /// <summary>What a reason to let it pass should answer.</summary>
    public const string WhatToSay = "<what it locks, for how long, and what running replicas see>";

    public static readonly LintRule[] All =
    [
        LintRule.Each<SqlOperation>(RawSql, Unread),
        Forbidding(
            "adding-exclusion-constraint",
            @"\bEXCLUDE\s*(USING\b|\()",
            "Nobody can read or write the table until the constraint's index is built, and there is no way to build it meanwhile.",
            """
            // a new table has no rows: create it with the constraint, write to both, copy in batches, then read from it
            [Allow("adding-exclusion-constraint", "<how many rows it has, and how long building took on a copy of it>")]
            """
        ),
        Forbidding(
            "ban-truncate-cascade",
            @"^TRUNCATE\b.*\bCASCADE\b",
            "It empties every table that refers to this one, and those that refer to them.",
            "// name each table that is to be empty\nmigrationBuilder.Sql(\"TRUNCATE a, b;\");"
        ),
        Forbidding(
            "ban-drop-database",
            @"^DROP\s+DATABASE\b",
            "A migration belongs to its database.",
            "// by hand, with psql, and a backup"
        ),
    ];

    /// <summary>The raw statements that match, with the operation that each is in.</summary>
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
            "The rules cannot see what this locks, rewrites or breaks.",
            SafeForm.Write($"[Allow(\"{RawSql}\", \"{WhatToSay}\")]")
        );

    private static LintRule Forbidding(string code, string pattern, string problem, string instead) =>
        LintRule.Whole(
            code,
            migration =>
                Matching(migration, pattern)
                    .Select(found => new Violation(problem, SafeForm.Write(instead)) { Operation = found.Operation })
        );
}
