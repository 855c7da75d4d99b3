using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Exact.Infrastructure.Migrating;
using Exact.Tests.Support;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Http;

/// <summary>The addresses that Exact tells are those that its clients see.</summary>
public sealed class ProxyTests(ExactApp app) : IClassFixture<ExactApp>
{
    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("10.1.2.3", "", "https://example.org/exact", "/exact")]
    [InlineData("192.0.2.7", "", "https://example.org/exact", "/exact")]
    [InlineData("192.0.2.8", "", "http://localhost", "")]
    public async Task Forwarded_headers_of_known_proxies_are_believed(
        string sender,
        string path,
        string server,
        string prefix
    ) =>
        await SeesAsync(
            new()
            {
                ["ForwardedHeaders:KnownProxies"] = "192.0.2.7, ::1",
                ["ForwardedHeaders:KnownNetworks:0"] = "10.0.0.0/8",
            },
            sender,
            path,
            server,
            prefix
        );

    [Theory]
    [InlineData("/exact")]
    [InlineData("")]
    public async Task A_path_prefix_is_in_every_link_whether_the_proxy_passes_it_on_or_not(string path) =>
        await SeesAsync(new() { ["PathBase"] = "/exact/" }, "192.0.2.8", path, "http://localhost/exact", "/exact");

    [Fact]
    public async Task A_proxy_that_is_no_address_is_named()
    {
        await using var replica = ExactProcess.Serve(
            app.Database.ConnectionString,
            new Dictionary<string, string> { ["ForwardedHeaders__KnownProxies"] = "nginx" }
        );

        Assert.Equal(1, await replica.WaitForExitAsync());
        Assert.Contains("ForwardedHeaders:KnownProxies must list IP addresses", replica.Log);
    }

    private async Task SeesAsync(
        Dictionary<string, string> settings,
        string sender,
        string path,
        string server,
        string prefix
    )
    {
        await using var host = app.WithWebHostBuilder(host =>
        {
            foreach (var (name, value) in settings)
            {
                host.UseSetting(name, value);
            }
        });
        using var client = host.CreateClient(new WebApplicationFactoryClientOptions { AllowAutoRedirect = false });
        await host.Services.GetRequiredService<SchemaState>().WhenReadyAsync(CancellationToken);
        client.DefaultRequestHeaders.Authorization = new("Bearer", ExactApp.AdminKey);
        client.DefaultRequestHeaders.Add(ExactApp.Sender, sender);
        client.DefaultRequestHeaders.Add("X-Forwarded-For", "203.0.113.9");
        client.DefaultRequestHeaders.Add("X-Forwarded-Proto", "https");
        client.DefaultRequestHeaders.Add("X-Forwarded-Host", "example.org");
        client.DefaultRequestHeaders.Add("X-Forwarded-Prefix", "/exact");
        if (settings.ContainsKey("PathBase"))
        {
            client.DefaultRequestHeaders.Remove("X-Forwarded-Prefix");
        }

        using var import = new HttpRequestMessage(HttpMethod.Post, $"{path}/api/admin/import")
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(Fixture(Challenge()))),
            Headers = { { "Prefer", "respond-async" } },
        };
        using var accepted = await client.SendAsync(import, CancellationToken);
        using var operation = await client.GetAsync(accepted.Headers.Location, CancellationToken);
        using var list = await client.GetAsync($"{path}/api/admin/operations?limit=1", CancellationToken);
        var document = await client.GetFromJsonAsync<JsonElement>($"{path}/openapi/v1.json", CancellationToken);
        using var swagger = await client.GetAsync($"{path}/swagger", CancellationToken);
        var script = await client.GetStringAsync($"{path}/swagger/index.js", CancellationToken);

        Assert.StartsWith($"{prefix}/api/admin/operations/", accepted.Headers.Location?.OriginalString);
        Assert.Equal(prefix == "" || path != "" ? HttpStatusCode.OK : operation.StatusCode, operation.StatusCode);
        Assert.StartsWith($"<{prefix}/api/admin/operations?limit=1&", list.Headers.GetValues("Link").Single());
        Assert.Equal(server, document.GetProperty("servers")[0].GetProperty("url").GetString()?.TrimEnd('/'));
        Assert.False(swagger.Headers.Location?.OriginalString.StartsWith('/'));
        Assert.Contains("../openapi/v1.json", script);
    }
}
