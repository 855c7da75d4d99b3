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

    /// <summary>As C# to paste.</summary>
    public string Code { get; }

    /// <summary>The migrations, in order; none if the model has to change instead.</summary>
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
/// <param name="Approvals">The rules that it may break, each with the reason.</param>
internal sealed record SafeMigration(
    IReadOnlyList<MigrationOperation> Operations,
    params IReadOnlyList<AllowAttribute> Approvals
)
{
    /// <summary>Keeps operations as they are; SQL among them gets a placeholder for the reason.</summary>
    public static SafeMigration Of(params IReadOnlyList<MigrationOperation> operations) =>
        operations.OfType<SqlOperation>().Any()
            ? new(operations, new AllowAttribute(AllowAttribute.RawSql, AllowAttribute.RawSqlReason))
            : new(operations);

    /// <summary>Runs statements, with the reason why they are safe.</summary>
    /// <param name="reason">Why they are safe.</param>
    public static SafeMigration Sql(string reason, string sql) =>
        new([new SqlOperation { Sql = sql }], new AllowAttribute(AllowAttribute.RawSql, reason));

    /// <summary>Runs a statement that PostgreSQL accepts only outside a transaction.</summary>
    /// <inheritdoc cref="Sql"/>
    public static SafeMigration SqlOutsideTransaction(string reason, string sql) =>
        new(
            [new SqlOperation { Sql = sql, SuppressTransaction = true }],
            new AllowAttribute(AllowAttribute.RawSql, reason)
        );
}
