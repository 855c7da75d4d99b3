using System.Data.Common;
using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Exact.Infrastructure.Migrating;

internal static class ExactDbContextOptions
{
    /// <summary>
    /// Configures an <see cref="ExactDbContext"/> the same way in the service, in <c>dotnet ef</c> and in tests.
    /// </summary>
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
            // A statement that runs outside a transaction must be alone in its migration, or a failure leaves half of
            // it applied.
            .ConfigureWarnings(warnings => warnings.Throw(RelationalEventId.NonTransactionalMigrationOperationWarning));
}
