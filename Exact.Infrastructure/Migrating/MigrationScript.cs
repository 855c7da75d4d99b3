using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Exact.Infrastructure.Migrating;

/// <summary>The migrations as idempotent SQL, for whoever wants to read it first, or has to run it by hand.</summary>
internal sealed class MigrationScript(DbContextOptions<ExactDbContext> contextOptions)
{
    /// <summary>The name of the place before the first migration, as <c>dotnet ef</c> has it.</summary>
    public const string Beginning = Migration.InitialDatabase;

    /// <summary>What is pending; empty if nothing is. It only reads.</summary>
    public async Task<string> GeneratePendingAsync(CancellationToken cancellationToken)
    {
        await using var context = new ExactDbContext(contextOptions);
        var pending = await context.Database.GetPendingMigrationsAsync(cancellationToken);
        return pending.FirstOrDefault() is { } first
            ? Generate(context, context.Database.GetMigrations().TakeWhile(id => id != first).LastOrDefault(), to: null)
            : "";
    }

    /// <summary>What leads from one migration to another; it needs no server.</summary>
    /// <param name="from">The migration to start behind, by id or name; <see cref="Beginning"/> or null for all.</param>
    /// <param name="to">The migration to end with; null for the last. One before <paramref name="from"/> goes back.</param>
    /// <exception cref="InvalidOperationException">There is no such migration.</exception>
    public static string Generate(string? from, string? to)
    {
        using var context = new DesignTimeContext().CreateDbContext([]);
        return Generate(context, from, to);
    }

    private static string Generate(ExactDbContext context, string? from, string? to) =>
        context.GetService<IMigrator>().GenerateScript(from, to, MigrationsSqlGenerationOptions.Idempotent);
}
