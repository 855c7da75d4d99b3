using System.Text.RegularExpressions;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Exact.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Scaffolding;
using Microsoft.Extensions.DependencyInjection;
using Npgsql.EntityFrameworkCore.PostgreSQL.Design.Internal;

namespace Exact.Tests.Database;

/// <summary>The model that is compiled into the program, so that no start has to build it.</summary>
public sealed partial class CompiledModelTests
{
    [Fact]
    public void The_compiled_model_is_the_model()
    {
        using var context = MigratedTemplate.CreateContext("Host=nowhere");
        var services = new ServiceCollection()
            .AddEntityFrameworkDesignTimeServices()
            .AddDbContextDesignTimeServices(context);
#pragma warning disable EF1001 // the only way to the provider's generators outside the tool
        new NpgsqlDesignTimeServices().ConfigureDesignTimeServices(services);
#pragma warning restore EF1001
        using var provider = services.BuildServiceProvider();
        using var scope = provider.CreateScope();
        var folder = Directory.CreateTempSubdirectory("exact-model-").FullName;
        try
        {
            var written = scope
                .ServiceProvider.GetRequiredService<ICompiledModelScaffolder>()
                .ScaffoldModel(
                    context.GetService<IDesignTimeModel>().Model,
                    folder,
                    new CompiledModelCodeGenerationOptions
                    {
                        ContextType = typeof(ExactDbContext),
                        ModelNamespace = "Exact.Infrastructure.Database.CompiledModel",
                        Language = "C#",
                    }
                );

            var compiled = Path.Combine(Checkout.Repository, "Exact.Infrastructure", "Database", "CompiledModel");
            Assert.Equal(
                written.Select(Path.GetFileName).Order(),
                Directory.EnumerateFiles(compiled).Select(Path.GetFileName).Order()
            );
            Assert.All(
                written,
                file =>
                    Assert.True(
                        Read(file) == Read(Path.Combine(compiled, Path.GetFileName(file))),
                        $"{Path.GetFileName(file)} is out of date. Run: dotnet ef dbcontext optimize --project "
                            + "Exact.Infrastructure --startup-project Exact.Api --output-dir Database/CompiledModel "
                            + "--namespace Exact.Infrastructure.Database.CompiledModel"
                    )
            );
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void The_schema_in_the_program_is_that_of_the_model_and_the_migrations()
    {
        using var context = MigratedTemplate.CreateContext("Host=nowhere");
        var options = (DbContextOptions<ExactDbContext>)context.GetService<IDbContextOptions>();
        var file = Path.Combine(Checkout.Repository, "Exact.Infrastructure", "Database", "schema.json");

        var written = CompiledSchema.Of(options).ToJson();

        if (File.ReadAllText(file) != written)
        {
            File.WriteAllText(file, written);
            Assert.Fail(
                "Exact.Infrastructure/Database/schema.json was out of date. This test has written it: build again."
            );
        }
    }

    /// <summary>The text without the identifier that each generation draws.</summary>
    private static string Read(string file) => ModelId().Replace(File.ReadAllText(file), "");

    [GeneratedRegex("modelId: new Guid\\(\"[^\"]*\"\\)")]
    private static partial Regex ModelId();
}
