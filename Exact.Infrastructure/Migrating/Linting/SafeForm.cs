using Microsoft.EntityFrameworkCore.Migrations.Operations;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>What to write instead: migrations that can be run, or a change to the model.</summary>
internal sealed class SafeForm
{
    private SafeForm(string code, IReadOnlyList<SafeMigration> migrations)
    {
        Code = code;
        Migrations = migrations;
    }

    /// <summary>As C#, to be pasted.</summary>
    public string Code { get; }

    /// <summary>The migrations, in order; none where the model is what has to change.</summary>
    public IReadOnlyList<SafeMigration> Migrations { get; }

    public static SafeForm Write(string code) => new(code, []);

    public static SafeForm Migrate(params IReadOnlyList<SafeMigration> migrations) =>
        new(
            string.Join("\n\n", migrations.Select((migration, i) => Write(migration, i + 1, migrations.Count))),
            migrations
        );

    private static string Write(SafeMigration migration, int number, int count) =>
        string.Join(
            '\n',
            [
                count == 1 ? "// a migration of its own" : $"// migration {number} of {count}",
                .. migration.Approvals.Select(allow =>
                    $"[Allow({OperationCode.Literal(allow.Rule)}, {OperationCode.Literal(allow.Reason)})] // on the class"
                ),
                .. migration.Operations.Select(OperationCode.Write),
            ]
        );
}

/// <summary>One migration of a safe form.</summary>
/// <param name="Operations">What it does.</param>
/// <param name="Approvals">The rules that it needs to pass, with the reason why they may.</param>
internal sealed record SafeMigration(
    IReadOnlyList<MigrationOperation> Operations,
    params IReadOnlyList<AllowAttribute> Approvals
)
{
    /// <summary>Operations as they are; SQL among them still has to be read.</summary>
    public static SafeMigration Of(params IReadOnlyList<MigrationOperation> operations) =>
        operations.OfType<SqlOperation>().Any()
            ? new(operations, new AllowAttribute(SqlRules.RawSql, SqlRules.WhatToSay))
            : new(operations);

    /// <summary>Statements, which somebody has to have read.</summary>
    /// <param name="reason">What reading them shows.</param>
    public static SafeMigration Sql(string reason, string sql) =>
        new([new SqlOperation { Sql = sql }], new AllowAttribute(SqlRules.RawSql, reason));

    /// <summary>A statement that PostgreSQL takes only outside a transaction.</summary>
    /// <inheritdoc cref="Sql"/>
    public static SafeMigration SqlOutsideTransaction(string reason, string sql) =>
        new([new SqlOperation { Sql = sql, SuppressTransaction = true }], new AllowAttribute(SqlRules.RawSql, reason));
}
