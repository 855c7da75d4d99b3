// EF1001: the only way to take migrations from two assemblies.
#pragma warning disable EF1001
using System.Reflection;
using Exact.Infrastructure.Database;
using Microsoft.AspNetCore.Hosting;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.EntityFrameworkCore.Migrations.Internal;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Bench;

/// <summary>Gives a process of the product the migrations of a later release, up to the one that it names.</summary>
internal sealed class LaterMigrations : IHostingStartup
{
    public const string Variable = "EXACT_BENCH_LATER";

    public void Configure(IWebHostBuilder builder)
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 })
        {
            builder.ConfigureServices(services =>
                services.ConfigureDbContext<ExactDbContext>(options =>
                    options.ReplaceService<IMigrationsAssembly, WithLater>()
                )
            );
        }
    }

    private sealed class WithLater(
        ICurrentDbContext currentContext,
        IDbContextOptions options,
        IMigrationsIdGenerator ids,
        IDiagnosticsLogger<DbLoggerCategory.Migrations> logger
    ) : MigrationsAssembly(currentContext, options, ids, logger)
    {
        private static readonly Type[] Later = [typeof(LaterColumn), typeof(LaterIndex)];

        public override IReadOnlyDictionary<string, TypeInfo> Migrations
        {
            get
            {
                var last = Environment.GetEnvironmentVariable(Variable);
                var later = Later.Take(Array.FindIndex(Later, type => type.Name == last) + 1);
                return base
                    .Migrations.Concat(
                        later.Select(type =>
                            KeyValuePair.Create(type.GetCustomAttribute<MigrationAttribute>()!.Id, type.GetTypeInfo())
                        )
                    )
                    .ToDictionary();
            }
        }
    }
}

[DbContext(typeof(ExactDbContext))]
[Migration("20990101000001_LaterColumn")]
internal sealed class LaterColumn : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) =>
        migrationBuilder.AddColumn<int>("later", "scores", nullable: false, defaultValue: 0);
}

[DbContext(typeof(ExactDbContext))]
[Migration("20990101000002_LaterIndex")]
internal sealed class LaterIndex : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) =>
        migrationBuilder
            .CreateIndex("ix_scores_later", "scores", ["username", "created_at"])
            .Annotation("Npgsql:CreatedConcurrently", true);
}
