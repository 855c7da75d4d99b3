using System.Net;
using Exact.Tests.Support;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Tests.Access;

public sealed class AdminAccessTests(ExactApp app) : IClassFixture<ExactApp>
{
    [Theory]
    [InlineData(null)]
    [InlineData("Bearer not the key")]
    [InlineData("Bearer ")]
    [InlineData("Basic dGhlIGtleSBvZiB0aGUgdGVzdHM=")]
    public async Task Every_admin_route_requires_the_admin_key(string? authorization)
    {
        using var client = app.CreateClient();
        var asked = new List<string>();
        foreach (var (method, path) in AdminRoutes())
        {
            using var request = new HttpRequestMessage(new(method), path);
            request.Headers.Add(ExactApp.Sender, $"10.0.{Random.Shared.Next(256)}.{asked.Count}"); // each has few tries
            if (authorization is not null)
            {
                request.Headers.TryAddWithoutValidation("Authorization", authorization);
            }

            using var answer = await client.SendAsync(request, TestContext.Current.CancellationToken);

            Assert.True(answer.StatusCode is HttpStatusCode.Unauthorized, $"{method} {path}: {answer.StatusCode}");
            Assert.Equal("Bearer", answer.Headers.WwwAuthenticate.ToString());
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
            asked.Add($"{method} {path}");
        }

        Assert.Contains("GET /api/admin/migrations/", asked);
    }

    [Fact]
    public async Task The_admin_key_gives_access()
    {
        using var admin = app.CreateAdmin();

        using var answer = await admin.GetAsync("/api/admin/migrations", TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Theory]
    [InlineData("fifteen letters")]
    [InlineData("       fifteen letters       ")]
    public async Task A_short_admin_key_is_refused_at_the_start(string key)
    {
        await using var replica = ExactProcess.Serve(
            app.Database.ConnectionString,
            new Dictionary<string, string> { ["Admin__Key"] = key }
        );

        Assert.Equal(1, await replica.WaitForExitAsync());
        Assert.Contains("Admin:Key must be a key of at least 16 characters", Assert.Single(replica.Log.Split('\n')));
        Assert.DoesNotContain(key.Trim(), replica.Log);
    }

    /// <summary>The routes as the service has them, so that one that is added later is tested, too.</summary>
    private IEnumerable<(string Method, string Path)> AdminRoutes() =>
        from endpoint in app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
        where endpoint.RoutePattern.RawText!.TrimStart('/').StartsWith("api/admin", StringComparison.Ordinal)
        let path = endpoint.RoutePattern.Parameters.Aggregate(
            endpoint.RoutePattern.RawText!,
            (text, p) => System.Text.RegularExpressions.Regex.Replace(text, $@"\{{{p.Name}[^}}]*\}}", "1")
        )
        from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"]
        select (method, path);
}
