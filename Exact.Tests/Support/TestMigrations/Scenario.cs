// EF1001: the only way to take migrations from two assemblies.
#pragma warning disable EF1001
using System.Reflection;
using Exact.Infrastructure.Database;
using Exact.Tests.Support.TestMigrations;
using Microsoft.AspNetCore.Hosting;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.EntityFrameworkCore.Migrations.Internal;
using Microsoft.Extensions.DependencyInjection;

[assembly: HostingStartup(typeof(ScenarioStartup))]

namespace Exact.Tests.Support.TestMigrations;

/// <summary>Names the scenario that a test-only migration belongs to.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class ScenarioAttribute(string name) : Attribute
{
    public string Name => name;
}

/// <summary>Gives a process of the product migrations of the tests' own, on top of the product's.</summary>
internal static class Scenario
{
    private const string NameVariable = "EXACT_TEST_SCENARIO";
    private const string SecondsVariable = "EXACT_TEST_SECONDS";

    /// <summary>The scenario that this process was started with.</summary>
    public static string? Name => Environment.GetEnvironmentVariable(NameVariable);

    /// <summary>How long each of its migrations takes, in seconds.</summary>
    public static string Seconds => Environment.GetEnvironmentVariable(SecondsVariable) ?? "0";

    /// <summary>The settings of a process with that scenario; several are joined by a plus sign.</summary>
    public static Dictionary<string, string> Settings(string name, string seconds = "0") =>
        new()
        {
            ["DOTNET_STARTUP_HOOKS"] = typeof(Scenario).Assembly.Location,
            ["ASPNETCORE_HOSTINGSTARTUPASSEMBLIES"] = typeof(Scenario).Assembly.GetName().Name!,
            [NameVariable] = name,
            [SecondsVariable] = seconds,
        };
}

internal sealed class ScenarioStartup : IHostingStartup
{
    public void Configure(IWebHostBuilder builder)
    {
        if (Scenario.Name is { } scenario)
        {
            builder.ConfigureServices(services =>
                services.ConfigureDbContext<ExactDbContext>(options => options.UseScenario(scenario))
            );
        }
    }
}

internal static class ScenarioOptions
{
    public static DbContextOptionsBuilder UseScenario(this DbContextOptionsBuilder options, string scenario)
    {
        options.ReplaceService<IMigrationsAssembly, ScenarioMigrations>();
        if (scenario.Contains("seed", StringComparison.Ordinal))
        {
            options.UseAsyncSeeding((context, _, cancellationToken) => SeedAsync(context, cancellationToken));
        }

        return options;
    }

    /// <summary>Looks first and inserts then: two that do it at once leave two rows.</summary>
    private static async Task SeedAsync(DbContext context, CancellationToken cancellationToken)
    {
        var seeded = await context
            .Database.SqlQuery<int>($"SELECT count(*)::int AS \"Value\" FROM seeds")
            .SingleAsync(cancellationToken);
        if (seeded == 0)
        {
            await context.Database.ExecuteSqlAsync($"SELECT pg_sleep(0.1)", cancellationToken);
            await context.Database.ExecuteSqlAsync($"INSERT INTO seeds VALUES (1)", cancellationToken);
        }
    }
}

internal sealed class ScenarioMigrations(
    ICurrentDbContext currentContext,
    IDbContextOptions options,
    IMigrationsIdGenerator ids,
    IDiagnosticsLogger<DbLoggerCategory.Migrations> logger
) : MigrationsAssembly(currentContext, options, ids, logger)
{
    public override IReadOnlyDictionary<string, TypeInfo> Migrations =>
        base
            .Migrations.Concat(
                from type in typeof(Scenario).Assembly.DefinedTypes
                let scenario = type.GetCustomAttribute<ScenarioAttribute>()
                where scenario is not null && Scenario.Name?.Split('+').Contains(scenario.Name) is true
                select new KeyValuePair<string, TypeInfo>(type.GetCustomAttribute<MigrationAttribute>()!.Id, type)
            )
            .OrderBy(migration => migration.Key)
            .ToDictionary();
}
