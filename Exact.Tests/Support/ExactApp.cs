using System.Net;
using System.Net.Http.Headers;
using Exact.Infrastructure.Migrating;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Tests.Support;

/// <summary>The whole service in this process, on a database of its own.</summary>
public class ExactApp : WebApplicationFactory<Program>, IAsyncLifetime
{
    public const string AdminKey = "the key of the tests";

    /// <summary>A header with the address that a request shall seem to come from.</summary>
    public const string Sender = "Test-Sender";

    private readonly TestDatabase database;
    private readonly string files = Directory.CreateTempSubdirectory("exact-files-").FullName;

    public ExactApp()
        : this(new MigratedDatabase(MigratedTemplate.Current)) { }

    internal ExactApp(TestDatabase database) => this.database = database;

    public TestDatabase Database => database;

    /// <summary>The folder of the stored files.</summary>
    public string Files => files;

    /// <summary>A client that sends the admin key.</summary>
    public HttpClient CreateAdmin() => CreateAdmin(this);

    /// <summary>The same for another service.</summary>
    public static HttpClient CreateAdmin(WebApplicationFactory<Program> service)
    {
        var client = service.CreateClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", AdminKey);
        return client;
    }

    /// <summary>The service once more, on the same database, with more in its connection string.</summary>
    public async Task<WebApplicationFactory<Program>> StartWithAsync(string connectionSettings)
    {
        var other = WithWebHostBuilder(builder =>
            builder.UseSetting("ConnectionStrings:Exact", $"{database.ConnectionString};{connectionSettings}")
        );
        await WhenReadyAsync(other);
        return other;
    }

    public async ValueTask InitializeAsync()
    {
        await database.InitializeAsync();
        await WhenReadyAsync(this);
    }

    /// <summary>Waits until the service has seen that its database is up to date.</summary>
    public static async Task WhenReadyAsync(WebApplicationFactory<Program> service)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await service.Services.GetRequiredService<SchemaState>().WhenReadyAsync(patience.Token);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await database.DisposeAsync();
        Directory.Delete(files, recursive: true);
        GC.SuppressFinalize(this);
    }

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        builder.ConfigureServices(services => services.AddSingleton<IStartupFilter, SentFrom>());
        builder.UseEnvironment("Production");
        builder.UseSetting("ConnectionStrings:Exact", database.ConnectionString);
        builder.UseSetting("Admin:Key", AdminKey);
        builder.UseSetting("Files:Folder", files);
        builder.UseSetting("Logging:LogLevel:Default", "Warning");
        builder.UseSetting("Logging:LogLevel:Microsoft.Hosting.Lifetime", "Warning");
        // It warns at every request that this server cannot limit the size of a body.
        builder.UseSetting("Logging:LogLevel:Microsoft.AspNetCore.Routing.EndpointRoutingMiddleware", "Error");
    }

    private sealed class SentFrom : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) =>
            app =>
            {
                app.Use(
                    (context, following) =>
                    {
                        if (IPAddress.TryParse(context.Request.Headers[Sender], out var address))
                        {
                            context.Connection.RemoteIpAddress = address;
                        }

                        return following(context);
                    }
                );
                next(app);
            };
    }
}
