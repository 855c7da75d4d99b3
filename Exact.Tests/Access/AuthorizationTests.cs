using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Exact.Tests.Accounts;
using Exact.Tests.Support;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Tests.Access;

/// <summary>The table in docs/authorization.md is what the service does.</summary>
public sealed partial class AuthorizationTests(AccountsApp app) : IClassFixture<AccountsApp>
{
    /// <summary>Bodies of requests whose caller is judged by them, or after them.</summary>
    private static readonly Dictionary<string, string> Bodies = new()
    {
        ["POST /api/account/tokens"] = """{"name": "another", "scopes": ["read"]}""",
        ["POST /api/challenges/{challenge_id}/scores"] = """{"username": "ada", "emd_score": 1}""",
        ["POST /api/challenges/{challenge_id}/rerun"] = Reason,
        ["PATCH /api/scores/{id}"] = """{"emd_score": 1, "reason": "a slip"}""",
        ["POST /api/scores/{id}/disqualify"] = Reason,
        ["POST /api/scores/{id}/reinstate"] = Reason,
        ["POST /api/scores/{id}/rerun"] = Reason,
    };

    private const string Reason = """{"reason": "the method was wrong"}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_endpoint_lets_in_whom_the_table_lets_in()
    {
        var table = await File.ReadAllLinesAsync(
            Path.Combine(Checkout.Repository, "docs", "authorization.md"),
            Cancellation
        );
        var rows = table.Where(line => line.StartsWith('|')).Select(CellsOf).ToList();
        var (owner, callers) = await CallersAsync();
        Assert.Equal(rows[0][1..], callers.Select(caller => caller.Name).Distinct());

        var found = new List<string>();
        // What ends the callers' sessions comes last; for a while they still work.
        foreach (var endpoint in Endpoints().OrderBy(one => one.Contains("logout", StringComparison.Ordinal)))
        {
            var answers = new List<(string Name, string Answer)>();
            foreach (var (name, header, value) in callers)
            {
                await app.Database.ExecuteAsync(WhatTheyActOn(owner));
                answers.Add((name, await AskAsync(endpoint, header, value)));
            }

            // A caller in two ways, such as a disabled user with a cookie or a token, has two answers, which must be one.
            var cells = answers
                .GroupBy(one => one.Name, one => one.Answer)
                .Select(all => string.Join('/', all.Distinct()));
            found.Add($"| `{endpoint}` | {string.Join(" | ", cells)} |");
        }

        var documented = rows.Skip(2).Select(cells => $"| {string.Join(" | ", cells)} |").ToList();
        var missing = string.Join('\n', found.Except(documented));
        var wrong = string.Join('\n', documented.Except(found));
        Assert.True((missing, wrong) is ("", ""), $"Found but not documented:\n{missing}\nDocumented:\n{wrong}");
    }

    [Theory]
    [InlineData("/api/account/login", "post", "", "200 400 401 403 413 415 429 503")]
    [InlineData("/api/account/register", "post", "", "201 400 403 409 413 415 429 503")]
    [InlineData("/api/account", "get", "cookie token", "200 400 401 403 429 503")]
    [InlineData("/api/account/tokens", "post", "cookie", "201 400 401 403 409 413 415 429 503")]
    [InlineData("/api/account/tokens/{id}", "delete", "cookie", "204 400 401 403 404 429 503")]
    [InlineData("/api/admin/export", "get", "admin-key cookie token", "200 400 401 403 429 503")]
    [InlineData("/api/challenges", "post", "admin-key cookie token", "201 400 401 403 408 409 413 415 429 503")]
    [InlineData(
        "/api/challenges/{challenge_id}",
        "patch",
        "admin-key cookie token",
        "200 400 401 403 404 413 415 429 503"
    )]
    [InlineData("/api/challenges/{challenge_id}", "delete", "admin-key cookie token", "204 400 401 403 404 429 503")]
    [InlineData("/api/challenges/{challenge_id}/dataset", "get", "", "200 206 304 400 404 412 416 429 503")]
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

    [Theory]
    [InlineData("RegisterRequest", "username", """{"type":"string","maxLength":150}""")]
    [InlineData("RegisterRequest", "password", """{"type":"string","minLength":1,"maxLength":4096}""")]
    [InlineData("TokenRequest", "name", """{"type":"string","minLength":1,"maxLength":100}""")]
    [InlineData("TokenRequest", "scopes", """{"type":"array","minItems":1}""")]
    [InlineData("AccountResponse", "date_joined", """{"type":"string","format":"date-time"}""")]
    [InlineData("AccountResponse", "last_login", """{"type":["null","string"],"format":"date-time"}""")]
    public async Task The_document_has_the_types_and_limits_of_fields(string contract, string field, string expected)
    {
        using var client = app.CreateClient();

        var document = await client.GetFromJsonAsync<JsonObject>("/openapi/v1.json", Cancellation);

        var schema = document!["components"]!["schemas"]![contract]!;
        Assert.NotNull(schema["examples"]);
        var property = schema["properties"]![field]!.AsObject();
        foreach (var (name, value) in JsonNode.Parse(expected)!.AsObject())
        {
            Assert.Equal(value!.ToJsonString(), property[name]?.ToJsonString());
        }
    }

    /// <summary>The callers of the table's columns, each with the header that it sends.</summary>
    private async Task<(string Owner, IReadOnlyList<(string Name, string Header, string Value)>)> CallersAsync()
    {
        var (participant, owner, disabled, staff) = (
            await app.RegisterAsync(),
            await app.RegisterAsync(),
            await app.RegisterAsync(isStaff: true),
            await app.RegisterAsync(isStaff: true)
        );
        using var browser = await app.SignInAsync(participant);
        using var office = await app.SignInAsync(staff);
        using var former = await app.SignInAsync(disabled);
        await TokenAsync(office, "read"); // token 1, which a request of the table deletes
        var soon = app.Time.GetUtcNow().AddMinutes(1);
        var expired = $"Bearer {(await AccountsApp.CreateTokenAsync(office, ["admin"], soon)).Secret}";
        var (disabledCookie, disabledToken) = (await app.CookieAsync(disabled), await TokenAsync(former, "admin"));
        await app.Database.ExecuteAsync($"UPDATE users SET is_active = false WHERE username = '{disabled}'");
        app.Time.Advance(TimeSpan.FromMinutes(1));
        return (
            owner,
            [
                ("Anonymous", "X-Nothing", ""),
                ("Participant", "Cookie", await app.CookieAsync(participant)),
                ("Owner", "Cookie", await app.CookieAsync(owner)),
                ("Staff", "Cookie", await app.CookieAsync(staff)),
                ("Admin key", "Authorization", $"Bearer {ExactApp.AdminKey}"),
                ("Token: read", "Authorization", await TokenAsync(browser, "read")),
                ("Token: submit", "Authorization", await TokenAsync(browser, "submit")),
                ("Token: evaluate", "Authorization", await TokenAsync(office, "evaluate")),
                ("Token: backup", "Authorization", await TokenAsync(office, "backup")),
                ("Token: admin", "Authorization", await TokenAsync(office, "admin")),
                ("Expired token", "Authorization", expired),
                ("Disabled user", "Cookie", disabledCookie),
                ("Disabled user", "Authorization", disabledToken),
            ]
        );
    }

    /// <summary>Challenge 1 and its submission 1, both of one owner, which an earlier request may have deleted.</summary>
    private static string WhatTheyActOn(string owner) =>
        $"""
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            VALUES ('1', 'One', '', now(), '{owner}') ON CONFLICT DO NOTHING;
            INSERT INTO scores (id, username, challenge_id, status, created_at)
            VALUES (1, '{owner}', '1', 'completed', now()) ON CONFLICT DO NOTHING;
            INSERT INTO submissions (id, score_id, file, size, sha256, original_name, attempts, counts, queued_at)
            VALUES (1, 1, 'one', 0, '', 'one.py', 1, true, now()) ON CONFLICT DO NOTHING;
            """;

    private static async Task<string> TokenAsync(HttpClient browser, string scope) =>
        $"Bearer {(await AccountsApp.CreateTokenAsync(browser, [scope])).Secret}";

    private async Task<string> AskAsync(string endpoint, string header, string value)
    {
        var (method, path) = (endpoint.Split(' ')[0], Parameter().Replace(endpoint.Split(' ')[1], "1"));
        using var client = app.CreateClient(new() { HandleCookies = false });
        using var request = new HttpRequestMessage(new(method), path);
        request.Headers.TryAddWithoutValidation(header, value);
        if (method is "POST" or "PUT" or "PATCH")
        {
            request.Content = endpoint.EndsWith("/submissions", StringComparison.Ordinal)
                ? new MultipartFormDataContent { { new StringContent("method"), "method_name" } }
                : new StringContent(Bodies.GetValueOrDefault(endpoint, "{}"), null, "application/json");
        }

        using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        return answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden
            ? $"{(int)answer.StatusCode}"
            : "yes";
    }

    /// <summary>The endpoints as the service has them, so that a new one must get a row.</summary>
    private IEnumerable<string> Endpoints() =>
        from endpoint in app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
        let path = $"/{endpoint.RoutePattern.RawText!.Trim('/')}"
        from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"]
        select $"{method} {path.Replace(":long}", "}")}";

    private static string[] CellsOf(string line) => [.. line.Trim('|').Split('|').Select(cell => cell.Trim())];

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Parameter();
}
