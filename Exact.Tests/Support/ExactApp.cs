using System.Net.Http.Headers;
using Exact.Infrastructure.Migrating;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Tests.Support;

/// <summary>The whole service in this process, on a database of its own that it migrates itself.</summary>
public class ExactApp : WebApplicationFactory<Program>, IAsyncLifetime
{
    public const string AdminKey = "the key of the tests";

    private readonly MissingDatabase database = new();

    public TestDatabase Database => database;

    /// <summary>A client that sends the admin key.</summary>
    public HttpClient CreateAdmin()
    {
        var client = CreateClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", AdminKey);
        return client;
    }

    public async ValueTask InitializeAsync()
    {
        await database.InitializeAsync();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await Services.GetRequiredService<SchemaState>().WhenReadyAsync(patience.Token);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await database.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        builder.UseEnvironment("Production");
        builder.UseSetting("ConnectionStrings:Exact", database.ConnectionString);
        builder.UseSetting("Admin:Key", AdminKey);
        builder.UseSetting("Logging:LogLevel:Default", "Warning");
        builder.UseSetting("Logging:LogLevel:Microsoft.Hosting.Lifetime", "Warning");
    }
}
