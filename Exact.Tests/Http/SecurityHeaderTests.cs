using System.Net;
using Exact.Tests.Support;

namespace Exact.Tests.Http;

/// <summary>The headers that tell a browser what it may do with an answer.</summary>
public sealed class SecurityHeaderTests(ExactApp app) : IClassFixture<ExactApp>
{
    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/health/live", HttpStatusCode.OK)]
    [InlineData("/api/challenges", HttpStatusCode.OK)]
    [InlineData("/api/challenges/nowhere", HttpStatusCode.NotFound)]
    [InlineData("/api/challenges?limit=x", HttpStatusCode.BadRequest)]
    [InlineData("/api/admin/export", HttpStatusCode.Unauthorized)]
    [InlineData("/no/such/route", HttpStatusCode.NotFound)]
    public async Task Every_answer_forbids_frames_content_and_guessing(string path, HttpStatusCode status)
    {
        using var client = app.CreateClient();

        using var answer = await client.GetAsync(new Uri(path, UriKind.Relative), CancellationToken);

        Assert.Equal(status, answer.StatusCode);
        Assert.Equal("nosniff", Header(answer, "X-Content-Type-Options"));
        Assert.Equal("DENY", Header(answer, "X-Frame-Options"));
        Assert.Equal("no-referrer", Header(answer, "Referrer-Policy"));
        Assert.Equal("default-src 'none'; frame-ancestors 'none'", Header(answer, "Content-Security-Policy"));
        Assert.False(answer.Headers.Contains("Server"));
        Assert.False(answer.Headers.Contains("Strict-Transport-Security"));
    }

    [Fact]
    public async Task Over_TLS_a_browser_is_told_to_stay_there()
    {
        using var client = app.CreateClient(new() { BaseAddress = new("https://exact.example.org") });

        using var answer = await client.GetAsync(new Uri("/api/challenges", UriKind.Relative), CancellationToken);

        Assert.StartsWith("max-age=", Header(answer, "Strict-Transport-Security"));
    }

    private static string Header(HttpResponseMessage answer, string name) =>
        string.Join(", ", answer.Headers.TryGetValues(name, out var values) ? values : []);
}
