using Exact.Infrastructure.Database;
using Exact.Infrastructure.Transfer.Archive;
using Exact.Infrastructure.Transfer.Django;
using Exact.Infrastructure.Transfer.Exporting;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Mapping;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Exact.Infrastructure.Transfer;

internal static class TransferServices
{
    /// <summary>
    /// Import and export; they take the <see cref="Npgsql.NpgsqlDataSource"/> and the model that are registered beside
    /// them.
    /// </summary>
    public static IServiceCollection AddTransfer(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(provider => new FixtureTables(() =>
        {
            using var scope = provider.CreateScope();
            return scope.ServiceProvider.GetRequiredService<ExactDbContext>().Model;
        }));
        services.AddSingleton<FixtureImporter>();
        services.AddSingleton<FixtureExporter>();
        services.AddSingleton<ManifestReader>();
        services.AddSingleton<ArchiveWriter>();
        services.AddSingleton<DjangoSource>();
        return services;
    }
}
