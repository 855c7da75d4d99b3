using System.Net;
using Exact.Api.Challenges;
using Exact.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

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
    [InlineData("/metrics", HttpStatusCode.NotFound)]
    [InlineData("/openapi/v1.json", HttpStatusCode.OK)]
    [InlineData("/admin/assets/console.css", HttpStatusCode.OK)]
    [InlineData("/admin/assets/console.js", HttpStatusCode.OK)]
    [InlineData("/admin/assets/icon.svg", HttpStatusCode.OK)]
    [InlineData("/csrf", HttpStatusCode.OK)]
    [InlineData("/user", HttpStatusCode.Forbidden)]
    [InlineData("/api/account/login", HttpStatusCode.MethodNotAllowed)]
    public async Task Every_answer_forbids_frames_content_and_guessing(string path, HttpStatusCode status)
    {
        using var client = app.CreateClient();

        using var answer = await client.GetAsync(new Uri(path, UriKind.Relative), CancellationToken);

        Assert.Equal(status, answer.StatusCode);
        AssertHeaders(answer);
        Assert.False(answer.Headers.Contains("Strict-Transport-Security"));
    }

    [Theory]
    [InlineData("/", "text/html")]
    [InlineData("/docs", "text/html")]
    [InlineData("/admin", "text/html")]
    [InlineData("/admin/sign-in", "text/html")]
    [InlineData("/admin/no/such/page", "text/html")]
    [InlineData("/no/such/route", "text/html")]
    [InlineData("/swagger/index.html", "text/html")]
    public async Task Every_page_allows_its_own_content_only(string path, string accepted)
    {
        using var client = app.CreateClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { { "Accept", accepted } } };

        using var answer = await client.SendAsync(request, CancellationToken);

        var policy = Header(answer, "Content-Security-Policy");
        Assert.StartsWith("default-src 'none'", policy);
        Assert.Contains("frame-ancestors 'none'", policy);
        Assert.DoesNotContain("http", policy);
        Assert.Equal("nosniff", Header(answer, "X-Content-Type-Options"));
        Assert.Equal("DENY", Header(answer, "X-Frame-Options"));
        Assert.Contains(Header(answer, "Referrer-Policy"), (string[])["no-referrer", "same-origin"]);
        Assert.False(answer.Headers.Contains("Server"));
    }

    [Theory]
    [InlineData("HEAD", "/api/challenges")]
    [InlineData("OPTIONS", "/api/challenges")]
    [InlineData("POST", "/api/account/login")] // has no body: 400 or 415
    [InlineData("DELETE", "/api/admin/operations/1")]
    public async Task Every_method_gets_them(string method, string path)
    {
        using var client = app.CreateClient();
        using var request = new HttpRequestMessage(new(method), path);

        using var answer = await client.SendAsync(request, CancellationToken);

        AssertHeaders(answer);
    }

    [Theory]
    [InlineData(HttpStatusCode.InternalServerError)]
    [InlineData(HttpStatusCode.ServiceUnavailable)]
    public async Task An_answer_that_takes_the_place_of_another_has_them(HttpStatusCode status)
    {
        Exception failure =
            status is HttpStatusCode.ServiceUnavailable
                ? new PostgresException("by the test", "ERROR", "ERROR", PostgresErrorCodes.LockNotAvailable)
                : new InvalidDataException("by the test");
        await using var service = app.WithWebHostBuilder(host =>
            host.ConfigureServices(services => services.AddScoped<ChallengeService>(_ => throw failure))
        );
        await ExactApp.WhenReadyAsync(service);
        using var client = service.CreateClient();

        using var answer = await client.GetAsync(new Uri("/api/challenges", UriKind.Relative), CancellationToken);

        Assert.Equal(status, answer.StatusCode);
        AssertHeaders(answer);
    }

    [Fact]
    public async Task A_service_that_is_not_ready_sends_them()
    {
        await using var empty = new ExactApp(new TestDatabase());
        await empty.Database.InitializeAsync();
        await using var waiting = empty.WithWebHostBuilder(host => host.UseSetting("Migrations:OnStartup", "Check"));
        using var client = waiting.CreateClient();

        using var answer = await client.GetAsync(new Uri("/api/challenges", UriKind.Relative), CancellationToken);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        AssertHeaders(answer);
    }

    [Fact]
    public async Task A_body_that_is_too_large_and_a_client_that_asks_too_often_get_them()
    {
        using var admin = app.CreateAdmin();
        using var form = new MultipartFormDataContent { { new StringContent(new('x', 1024 * 1024)), "title" } };
        using var large = await admin.PostAsync(new Uri("/api/challenges", UriKind.Relative), form, CancellationToken);
        using var guesser = app.CreateClient();
        guesser.DefaultRequestHeaders.Authorization = new("Bearer", "a guess");
        guesser.DefaultRequestHeaders.Add(ExactApp.Sender, "192.0.2.77");
        HttpResponseMessage answer;
        do
        {
            answer = await guesser.GetAsync(new Uri("/api/admin/export", UriKind.Relative), CancellationToken);
        } while (answer.StatusCode is HttpStatusCode.Unauthorized);

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.StatusCode);
        AssertHeaders(large);
        Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
        AssertHeaders(answer);
        answer.Dispose();
    }

    [Fact]
    public async Task A_preflight_request_of_another_origin_gets_them()
    {
        const string Origin = "https://client.example.org";
        await using var service = app.WithWebHostBuilder(host => host.UseSetting("Cors:Origins", Origin));
        using var client = service.CreateClient();
        using var request = new HttpRequestMessage(HttpMethod.Options, "/api/challenges")
        {
            Headers = { { "Origin", Origin }, { "Access-Control-Request-Method", "POST" } },
        };

        using var answer = await client.SendAsync(request, CancellationToken);

        Assert.Equal(Origin, Header(answer, "Access-Control-Allow-Origin"));
        AssertHeaders(answer);
    }

    [Fact]
    public async Task Over_TLS_a_browser_is_told_to_stay_there()
    {
        using var client = app.CreateClient(new() { BaseAddress = new("https://exact.example.org") });

        using var answer = await client.GetAsync(new Uri("/api/challenges", UriKind.Relative), CancellationToken);

        Assert.StartsWith("max-age=", Header(answer, "Strict-Transport-Security"));
    }

    private static void AssertHeaders(HttpResponseMessage answer)
    {
        Assert.Equal("nosniff", Header(answer, "X-Content-Type-Options"));
        Assert.Equal("DENY", Header(answer, "X-Frame-Options"));
        Assert.Equal("no-referrer", Header(answer, "Referrer-Policy"));
        Assert.Equal("default-src 'none'; frame-ancestors 'none'", Header(answer, "Content-Security-Policy"));
        Assert.False(answer.Headers.Contains("Server"));
    }

    private static string Header(HttpResponseMessage answer, string name) =>
        string.Join(", ", answer.Headers.TryGetValues(name, out var values) ? values : []);
}
