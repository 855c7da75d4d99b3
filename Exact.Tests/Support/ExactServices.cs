using Exact.Infrastructure;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Tests.Support;

/// <summary>The services that know PostgreSQL, as the product registers them, without a web server around them.</summary>
internal static class ExactServices
{
    /// <param name="connectionString">The application's connection string.</param>
    /// <param name="settings">Other settings.</param>
    /// <param name="time">A clock in place of the system's.</param>
    public static ServiceProvider ServicesOf(
        string connectionString,
        Dictionary<string, string?>? settings = null,
        TimeProvider? time = null
    )
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new("ConnectionStrings:Exact", connectionString)])
            .AddInMemoryCollection(settings ?? []);
        return new ServiceCollection()
            .AddLogging()
            .AddSingleton(time ?? TimeProvider.System)
            .AddSingleton<IConfiguration>(configuration.Build())
            .AddExactInfrastructure()
            .BuildServiceProvider();
    }
}
