using System.Security.Cryptography;
using System.Text;
using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.EntityFrameworkCore.Storage;

namespace Exact.Infrastructure.Migrating;

/// <summary>
/// Hashes the SQL that a migration generates, which depends on the generator's version but not on comments in the
/// source.
/// </summary>
internal static class MigrationHash
{
    /// <summary>How many migrations this code has, counted once.</summary>
    private static readonly Lazy<int> Migrations = new(() =>
        typeof(MigrationHash).Assembly.GetTypes().Count(type => type.BaseType == typeof(Migration))
    );

    /// <summary>The version of the SQL generator: Npgsql's EF Core provider.</summary>
    public static string Provider { get; } =
        typeof(NpgsqlDbContextOptionsBuilderExtensions).Assembly.GetName().Version!.ToString(3);

    /// <summary>The versions that generate the SQL now, as <see cref="GeneratorOf"/> writes them.</summary>
    public static string Generator { get; } =
        GeneratorOf(typeof(DbContext).Assembly.GetName().Version!.ToString(3), Provider);

    /// <summary>The versions of EF Core and of its provider as one string.</summary>
    public static string GeneratorOf(string entityFramework, string? provider) =>
        $"EF Core {entityFramework}, Npgsql {provider ?? "unknown"}";

    /// <summary>SHA-256 in lower-case hexadecimal digits.</summary>
    public static string Of(
        string migrationId,
        IMigrationsAssembly assembly,
        IMigrationsSqlGenerator generator,
        IModelRuntimeInitializer models,
        string provider
    ) => Known(migrationId, assembly) ?? Compute(migrationId, assembly, generator, models, provider);

    /// <summary>The hashes of all migrations in this code, by id and in order.</summary>
    public static IReadOnlyDictionary<string, string> All(DbContextOptions<ExactDbContext> contextOptions)
    {
        var replaced = contextOptions.FindExtension<CoreOptionsExtension>()?.ReplacedServices;
        if (
            CompiledSchema.Current is var compiled
            && compiled.Generator == Generator
            && compiled.Hashes.Count == Migrations.Value // a new one may not have been hashed yet
            && replaced?.Keys.Any(service => service.Item1 == typeof(IMigrationsAssembly)) is not true
        )
        {
            return compiled.Hashes; // without EF Core, whose first use takes a quarter of a start
        }

        using var context = new ExactDbContext(contextOptions);
        var assembly = context.GetService<IMigrationsAssembly>();
        return assembly.Migrations.Keys.ToDictionary(
            id => id,
            id => Known(id, assembly) ?? Compute(id, assembly, context)
        );
    }

    /// <summary>Generates the SQL of all migrations and hashes it, whatever <see cref="CompiledSchema"/> says.</summary>
    public static IReadOnlyDictionary<string, string> ComputeAll(DbContext context)
    {
        var assembly = context.GetService<IMigrationsAssembly>();
        return assembly.Migrations.Keys.ToDictionary(id => id, id => Compute(id, assembly, context));
    }

    private static string? Known(string migrationId, IMigrationsAssembly assembly) =>
        CompiledSchema.Current is var compiled
        && compiled.Generator == Generator
        && assembly.Migrations[migrationId].Assembly == typeof(MigrationHash).Assembly
            ? compiled.Hashes.GetValueOrDefault(migrationId)
            : null;

    private static string Compute(string migrationId, IMigrationsAssembly assembly, DbContext context) =>
        Compute(
            migrationId,
            assembly,
            context.GetService<IMigrationsSqlGenerator>(),
            context.GetService<IModelRuntimeInitializer>(),
            context.GetService<IDatabaseProvider>().Name
        );

    private static string Compute(
        string migrationId,
        IMigrationsAssembly assembly,
        IMigrationsSqlGenerator generator,
        IModelRuntimeInitializer models,
        string provider
    )
    {
        var migration = assembly.CreateMigration(assembly.Migrations[migrationId], provider);
        var model = models.Initialize(migration.TargetModel, designTime: true, validationLogger: null);
        var commands = generator.Generate(migration.UpOperations, model).Select(command => command.CommandText);
        var sql = string.Join('\n', commands).ReplaceLineEndings("\n");
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(sql)));
    }
}
