using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Exact.Infrastructure.Migrating;

/// <summary>Writes migrations as idempotent SQL, to be read first or run by hand.</summary>
internal sealed class MigrationScript(DbContextOptions<ExactDbContext> contextOptions)
{
    /// <summary>The name of the state before the first migration, as in <c>dotnet ef</c>.</summary>
    public const string Beginning = Migration.InitialDatabase;

    /// <summary>Whether there is a migration with this id or name; <see cref="Beginning"/> counts as one.</summary>
    public static bool Knows(string name)
    {
        using var context = new DesignTimeContext().CreateDbContext([]);
        return name == Beginning || context.GetService<IMigrationsAssembly>().FindMigrationId(name) is not null;
    }

    /// <summary>Writes what is pending; empty if nothing is.</summary>
    public async Task<string> GeneratePendingAsync(CancellationToken cancellationToken)
    {
        await using var context = new ExactDbContext(contextOptions);
        var pending = await context.Database.GetPendingMigrationsAsync(cancellationToken);
        return pending.FirstOrDefault() is { } first
            ? Generate(context, context.Database.GetMigrations().TakeWhile(id => id != first).LastOrDefault(), to: null)
            : "";
    }

    /// <summary>Writes the SQL from one migration to another, without a server.</summary>
    /// <param name="from">The migration to start after, by id or name; <see cref="Beginning"/> or null for all.</param>
    /// <param name="to">
    /// The migration to end with; null for the last. An earlier one than <paramref name="from"/> reverts.
    /// </param>
    /// <exception cref="InvalidOperationException">There is no such migration.</exception>
    public static string Generate(string? from, string? to)
    {
        using var context = new DesignTimeContext().CreateDbContext([]);
        return Generate(context, from, to);
    }

    /// <remarks>
    /// An idempotent script asks the history before each statement, in a DO block, where PostgreSQL cannot build an
    /// index concurrently.
    /// </remarks>
    private static string Generate(ExactDbContext context, string? from, string? to) =>
        context
            .GetService<IMigrator>()
            .GenerateScript(from, to, MigrationsSqlGenerationOptions.Idempotent)
            .Replace("INDEX CONCURRENTLY", "INDEX", StringComparison.Ordinal);
}
