using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using Exact.Tests.Accounts;
using Exact.Tests.Support;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Tests.Access;

/// <summary>The table in docs/authorization.md is what the service does.</summary>
public sealed partial class AuthorizationTests(AccountsApp app) : IClassFixture<AccountsApp>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_endpoint_lets_in_whom_the_table_lets_in()
    {
        var table = await File.ReadAllLinesAsync(
            Path.Combine(Checkout.Repository, "docs", "authorization.md"),
            Cancellation
        );
        var rows = table.Where(line => line.StartsWith('|')).Select(CellsOf).ToList();
        var callers = await CallersAsync();
        Assert.Equal(rows[0][1..], callers.Select(caller => caller.Name));

        var found = new List<string>();
        foreach (var endpoint in Endpoints())
        {
            var answers = new List<string>();
            foreach (var (_, header, value) in callers)
            {
                answers.Add(await AskAsync(endpoint, header, value));
            }

            found.Add($"| `{endpoint.Replace("{id:long}", "{id}")}` | {string.Join(" | ", answers)} |");
        }

        Assert.Equal(
            rows.Skip(2).Select(cells => $"| {string.Join(" | ", cells)} |").Order(StringComparer.Ordinal),
            found.Order(StringComparer.Ordinal)
        );
    }

    [Theory]
    [InlineData("/api/account/login", "post", "", "200 400 401 403 413 415 429")]
    [InlineData("/api/account/register", "post", "", "201 400 409 413 415 429")]
    [InlineData("/api/account", "get", "cookie token", "200 400 401 403 429")]
    [InlineData("/api/account/tokens", "post", "cookie", "201 400 401 403 409 413 415 429")]
    [InlineData("/api/account/tokens/{id}", "delete", "cookie", "204 400 401 403 404 429")]
    [InlineData("/api/admin/export", "get", "admin-key cookie token", "200 400 401 403 429")]
    public async Task The_document_names_what_an_endpoint_needs(
        string path,
        string method,
        string schemes,
        string codes
    )
    {
        using var client = app.CreateClient();

        var document = await client.GetFromJsonAsync<JsonElement>("/openapi/v1.json", Cancellation);

        var operation = document.GetProperty("paths").GetProperty(path).GetProperty(method);
        var needed = operation.TryGetProperty("security", out var security)
            ? security.EnumerateArray().Select(one => one.EnumerateObject().Single().Name)
            : [];
        Assert.Equal(schemes, string.Join(' ', needed));
        Assert.Equal(
            codes,
            string.Join(' ', operation.GetProperty("responses").EnumerateObject().Select(answer => answer.Name).Order())
        );
    }

    /// <summary>The callers of the table's columns, each with the header that it sends.</summary>
    private async Task<IReadOnlyList<(string Name, string Header, string Value)>> CallersAsync()
    {
        var (participant, staff, disabled) = (
            await app.RegisterAsync(),
            await app.RegisterAsync(isStaff: true),
            await app.RegisterAsync()
        );
        using var browser = await app.SignInAsync(participant);
        using var office = await app.SignInAsync(staff);
        var expires = app.Time.GetUtcNow().AddMinutes(1);
        var expired = await AccountsApp.CreateTokenAsync(office, ["admin"], expires);
        var disabledCookie = await CookieAsync(disabled);
        await app.Database.ExecuteAsync($"UPDATE users SET is_active = false WHERE username = '{disabled}'");
        app.Time.Advance(TimeSpan.FromMinutes(2));
        return
        [
            ("Anonymous", "X-Nothing", ""),
            ("Participant", "Cookie", await CookieAsync(participant)),
            ("Staff", "Cookie", await CookieAsync(staff)),
            ("Admin key", "Authorization", $"Bearer {ExactApp.AdminKey}"),
            ("Token: read", "Authorization", await TokenAsync(browser, "read")),
            ("Token: submit", "Authorization", await TokenAsync(browser, "submit")),
            ("Token: evaluate", "Authorization", await TokenAsync(office, "evaluate")),
            ("Token: backup", "Authorization", await TokenAsync(office, "backup")),
            ("Token: admin", "Authorization", await TokenAsync(office, "admin")),
            ("Expired token", "Authorization", $"Bearer {expired.Secret}"),
            ("Disabled user", "Cookie", disabledCookie),
        ];
    }

    private async Task<string> CookieAsync(string name)
    {
        using var client = app.CreateClient();
        using var answer = await client.PostAsJsonAsync(
            "/api/account/login",
            new { username = name, password = AccountsApp.Password },
            Cancellation
        );
        return answer.Headers.GetValues("Set-Cookie").Single().Split(';')[0];
    }

    private static async Task<string> TokenAsync(HttpClient browser, string scope) =>
        $"Bearer {(await AccountsApp.CreateTokenAsync(browser, [scope])).Secret}";

    private async Task<string> AskAsync(string endpoint, string header, string value)
    {
        var (method, path) = (endpoint.Split(' ')[0], Parameter().Replace(endpoint.Split(' ')[1], "1"));
        using var client = app.CreateClient(new() { HandleCookies = false });
        using var request = new HttpRequestMessage(new(method), path);
        request.Headers.TryAddWithoutValidation(header, value);
        using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        return answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden
            ? $"{(int)answer.StatusCode}"
            : "yes";
    }

    /// <summary>The endpoints as the service has them, so that a new one must get a row.</summary>
    private IEnumerable<string> Endpoints() =>
        from endpoint in app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
        let path = $"/{endpoint.RoutePattern.RawText!.Trim('/')}"
        where path.StartsWith("/api/", StringComparison.Ordinal)
        from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"]
        select $"{method} {path}";

    private static string[] CellsOf(string line) => [.. line.Trim('|').Split('|').Select(cell => cell.Trim())];

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Parameter();
}
