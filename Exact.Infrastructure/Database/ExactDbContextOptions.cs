using System.Data.Common;
using Exact.Infrastructure.Migrating;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Exact.Infrastructure.Database;

internal static class ExactDbContextOptions
{
    /// <summary>What every <see cref="ExactDbContext"/> has, in the service, in <c>dotnet ef</c> and in tests.</summary>
    public static DbContextOptionsBuilder UseExact(this DbContextOptionsBuilder options, DbDataSource database) =>
        options.UseNpgsql(database).UseExactConventions();

    /// <inheritdoc cref="UseExact(DbContextOptionsBuilder, DbDataSource)"/>
    public static DbContextOptionsBuilder UseExact(this DbContextOptionsBuilder options, string connectionString) =>
        options.UseNpgsql(connectionString).UseExactConventions();

    private static DbContextOptionsBuilder UseExactConventions(this DbContextOptionsBuilder options) =>
        options
            .UseSnakeCaseNamingConvention()
            .AddInterceptors(new RowSecurity.Interceptor())
            .ReplaceService<IHistoryRepository, MigrationHistory>()
            // What runs outside a transaction must be alone in its migration: half of one could not be tried again.
            .ConfigureWarnings(warnings => warnings.Throw(RelationalEventId.NonTransactionalMigrationOperationWarning));
}
