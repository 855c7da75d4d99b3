using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating.Linting;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.EntityFrameworkCore.Migrations.Operations;

namespace Exact.Infrastructure.Migrating.Forecast;

/// <summary>The SQL of each migration of this code, and what the linter says about it. Neither needs a server.</summary>
internal sealed class MigrationSql(DbContextOptions<ExactDbContext> contextOptions)
{
    private readonly Lazy<Dictionary<string, string>> scripts = new(() => Generate(contextOptions));
    private readonly Lazy<ILookup<string, LintFinding>> findings = new(() => Lint(contextOptions));

    /// <summary>The statements of a migration; null if this code does not have it.</summary>
    public string? Of(string migration) => scripts.Value.GetValueOrDefault(migration);

    public IEnumerable<LintFinding> FindingsOf(string migration) => findings.Value[migration];

    /// <summary>What a migration does, as EF Core sees it.</summary>
    public IReadOnlyList<MigrationOperation> OperationsOf(string migration)
    {
        using var context = new ExactDbContext(contextOptions);
        var assembly = context.GetService<IMigrationsAssembly>();
        return assembly.Migrations.TryGetValue(migration, out var type)
            ? assembly.CreateMigration(type, context.Database.ProviderName!).UpOperations
            : [];
    }

    private static Dictionary<string, string> Generate(DbContextOptions<ExactDbContext> contextOptions)
    {
        using var context = new ExactDbContext(contextOptions);
        var migrator = context.GetService<IMigrator>();
        var scripts = new Dictionary<string, string>();
        var before = Migration.InitialDatabase;
        foreach (var id in context.Database.GetMigrations())
        {
            var sql = migrator.GenerateScript(before, id, MigrationsSqlGenerationOptions.NoTransactions);
            scripts.Add(id, sql.Trim());
            before = id;
        }

        return scripts;
    }

    private static ILookup<string, LintFinding> Lint(DbContextOptions<ExactDbContext> contextOptions)
    {
        using var context = new ExactDbContext(contextOptions);
        return MigrationLinter.Lint(context).ToLookup(finding => finding.Migration);
    }
}
