using System.Reflection;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.EntityFrameworkCore.Migrations.Operations;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>A migration as the rules see it.</summary>
/// <param name="Id">Its id, or else the name of its class.</param>
/// <param name="Operations">What it does, in order.</param>
/// <param name="UndoOperations">What reverts it; empty if nothing does.</param>
/// <param name="Approvals">The rules that it may break.</param>
/// <param name="Target">The model after the migration, if the migration has one.</param>
internal sealed record LintedMigration(
    string Id,
    IReadOnlyList<MigrationOperation> Operations,
    IReadOnlyList<MigrationOperation> UndoOperations,
    IReadOnlyList<AllowAttribute> Approvals,
    IReadOnlyModel? Target = null
)
{
    private const string Provider = "Npgsql.EntityFrameworkCore.PostgreSQL";

    private readonly HashSet<(string Table, string? Schema)> created =
    [
        .. Operations.OfType<CreateTableOperation>().Select(table => (table.Name, table.Schema)),
    ];

    public static LintedMigration Read(Migration migration)
    {
        migration.ActiveProvider ??= Provider; // a migration may read it, and builds its operations only once
        var type = migration.GetType();
        return new LintedMigration(
            type.GetCustomAttribute<MigrationAttribute>()?.Id ?? type.Name,
            migration.UpOperations,
            ReadUndo(migration),
            [.. type.GetCustomAttributes<AllowAttribute>()],
            migration.TargetModel
        );
    }

    /// <summary>Whether this migration creates the table, which therefore has no rows and no readers.</summary>
    public bool Creates(string? table, string? schema = null) => table is not null && created.Contains((table, schema));

    private static IReadOnlyList<MigrationOperation> ReadUndo(Migration migration)
    {
        try
        {
            return migration.DownOperations;
        }
        catch (Exception e) when (e is NotSupportedException or NotImplementedException)
        {
            return [];
        }
    }
}
