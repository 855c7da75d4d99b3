using Exact.Infrastructure;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Tests.Support;

/// <summary>The services that know PostgreSQL, as the product registers them, without a web server around them.</summary>
internal static class ExactServices
{
    public static ServiceProvider ServicesOf(string connectionString)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(
            new Dictionary<string, string?> { ["ConnectionStrings:Exact"] = connectionString }
        );
        return new ServiceCollection()
            .AddLogging()
            .AddSingleton<IConfiguration>(configuration.Build())
            .AddExactInfrastructure()
            .BuildServiceProvider();
    }
}
