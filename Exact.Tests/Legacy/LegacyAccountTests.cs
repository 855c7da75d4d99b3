using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Exact.Tests.Accounts;
using Exact.Tests.Challenges;

namespace Exact.Tests.Legacy;

/// <summary>What the legacy client calls to register people and to sign them in and out.</summary>
public sealed class LegacyAccountTests(AccountsApp app) : IClassFixture<AccountsApp>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    public async Task A_person_registers_signs_in_and_signs_out(string slash)
    {
        using var browser = app.CreateClient();
        var name = app.NewName();
        Assert.Equal((403, """{"error":"Nobody is signed in."}"""), await browser.SendAsync("GET", $"/user{slash}"));

        var registered = await browser.SendAsync("POST", $"/register{slash}", Registration(name));
        var signedIn = await browser.SendAsync("POST", $"/login{slash}", Login(name, AccountsApp.Password));
        var user = await browser.SendAsync("GET", $"/user{slash}");
        var signedOut = await browser.SendAsync("POST", $"/logout{slash}", ChallengeForms.Json(signedIn.Body));

        Assert.Equal((201, $$"""{"email":"{{name}}@example.org","username":"{{name}}"}"""), registered);
        Assert.Equal((200, registered.Body), signedIn);
        Assert.Equal(
            $$$"""{"user":{"email":"{{{name}}}@example.org","username":"{{{name}}}","company_name":"ACME"}}""",
            user.Body
        );
        Assert.Equal((200, """{"message":"Signed out."}"""), signedOut);
        Assert.Equal(403, (await browser.SendAsync("GET", $"/user{slash}")).Status);
    }

    [Fact]
    public async Task A_session_ends_after_a_day_without_a_visit()
    {
        using var browser = app.CreateClient();
        using var answer = await browser.PostAsync(
            new Uri("/login", UriKind.Relative),
            Login(await app.RegisterAsync(), AccountsApp.Password),
            Cancellation
        );
        var cookie = Assert.Single(answer.Headers.GetValues("Set-Cookie"));
        Assert.Contains("; samesite=lax; httponly", cookie);

        for (var visit = 0; visit < 3; visit++)
        {
            app.Time.Advance(TimeSpan.FromHours(23));
            Assert.Equal(200, (await browser.SendAsync("GET", "/user")).Status);
        }

        app.Time.Advance(TimeSpan.FromHours(25));
        Assert.Equal(403, (await browser.SendAsync("GET", "/user")).Status);
    }

    [Fact]
    public async Task The_csrf_token_is_in_the_body_and_in_a_cookie_and_stays_the_same()
    {
        using var browser = app.CreateClient();

        using var first = await browser.GetAsync(new Uri("/csrf/", UriKind.Relative), Cancellation);
        var again = await browser.SendAsync("GET", "/csrf/");

        var body = await first.Content.ReadAsStringAsync(Cancellation);
        var token = JsonNode.Parse(body)!["csrfToken"]!.GetValue<string>();
        Assert.Matches("^[0-9a-f]{64}$", token);
        Assert.StartsWith($"csrftoken={token}; ", Assert.Single(first.Headers.GetValues("Set-Cookie")));
        Assert.Equal(body, again.Body);
    }

    [Theory]
    [InlineData("/register", """{"username": "{name}"}""", 400, "A user with that username already exists.")]
    [InlineData("/register", """{"username": "{NAME}"}""", 400, "A user with that username already exists.")]
    [InlineData(
        "/register",
        """{"username": "new", "email": "{name}@example.org"}""",
        400,
        "A user with that email address already exists."
    )]
    [InlineData(
        "/register",
        """{"username": "a b"}""",
        400,
        "A user name has at most 150 letters, digits and the characters @ . + - _."
    )]
    [InlineData("/register", """{"username": "new", "password": "1"}""", 400, null)]
    [InlineData("/register", """{"username": 1}""", 400, "username must be a string of complete Unicode characters.")]
    [InlineData("/login", """{"username": "{name}", "password": "x"}""", 401, "The username or the password is wrong.")]
    [InlineData("/login", """{"username": "nobody"}""", 401, "The username or the password is wrong.")]
    [InlineData("/login", "{", 400, null)]
    public async Task What_goes_wrong_is_one_string(string path, string json, int status, string? error)
    {
        var name = await app.RegisterAsync();
        json = json.Replace("{name}", name, StringComparison.Ordinal)
            .Replace("{NAME}", name.ToUpperInvariant(), StringComparison.Ordinal);
        if (json.Contains(':', StringComparison.Ordinal))
        {
            var sent = JsonNode.Parse(json)!.AsObject();
            sent.TryAdd("password", AccountsApp.Password);
            sent.TryAdd("email", "new@example.org");
            json = sent.ToJsonString();
        }

        using var browser = app.CreateClient();
        var answer = await browser.SendAsync("POST", path, ChallengeForms.Json(json));

        Assert.Equal(status, answer.Status);
        var said = JsonNode.Parse(answer.Body)!["error"]!.GetValue<string>();
        Assert.Equal(error ?? said, said);
        Assert.NotEmpty(said);
    }

    [Fact]
    public async Task A_network_that_guesses_has_to_wait()
    {
        var name = await app.RegisterAsync();
        using var browser = app.CreateClient();
        for (var guess = 0; guess < 10; guess++)
        {
            Assert.Equal(401, (await browser.SendAsync("POST", "/login", Login(name, "x"))).Status);
        }

        using var answer = await browser.PostAsync(
            new Uri("/login", UriKind.Relative),
            Login(name, AccountsApp.Password),
            Cancellation
        );

        Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
        Assert.NotNull(answer.Headers.RetryAfter);
        Assert.Equal(["error"], await FieldsAsync(answer));
    }

    [Theory]
    [InlineData("POST", "/login")]
    [InlineData("POST", "/logout")]
    [InlineData("POST", "/api/challenge/create/")]
    [InlineData("DELETE", "/api/challenge/1/delete/")]
    public async Task Another_site_cannot_act_in_the_name_of_who_is_signed_in(string method, string path)
    {
        using var browser = await app.SignInAsync(await app.RegisterAsync());
        using var request = new HttpRequestMessage(new(method), path) { Content = Login("ada", "x") };
        request.Headers.Add("Origin", "https://evil.example");

        using var answer = await browser.SendAsync(request, Cancellation);

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Equal(["error"], await FieldsAsync(answer));
        Assert.False(answer.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Theory]
    [InlineData("GET", "/user", 403)]
    [InlineData("GET", "/csrf/", 200)]
    [InlineData("POST", "/login", 400)]
    [InlineData("POST", "/logout", 200)]
    [InlineData("GET", "/api/challenges", 200)]
    [InlineData("GET", "/api/scores", 200)]
    [InlineData("GET", "/api/challenge/none", 404)]
    [InlineData("GET", "/api/dataset/none", 404)]
    [InlineData("POST", "/api/challenge/create/", 401)]
    [InlineData("DELETE", "/api/challenge/none/delete/", 401)]
    [InlineData("PUT", "/api/scores", 405)]
    [InlineData("GET", "/nowhere", 404)]
    public async Task An_allowed_origin_may_read_every_answer(string method, string path, int status)
    {
        using var client = app.CreateClient();
        using var request = new HttpRequestMessage(new(method), path);
        request.Content = method is "GET" ? null : ChallengeForms.Json("{}");
        request.Headers.Add("Origin", AccountsApp.Friend);
        using var asked = new HttpRequestMessage(HttpMethod.Options, path);
        asked.Headers.Add("Origin", AccountsApp.Friend);
        asked.Headers.Add("Access-Control-Request-Method", method);
        asked.Headers.Add("Access-Control-Request-Headers", "content-type,x-csrftoken");

        using var answer = await client.SendAsync(request, Cancellation);
        using var leave = await client.SendAsync(asked, Cancellation);

        Assert.Equal(status, (int)answer.StatusCode);
        foreach (var one in new[] { answer, leave })
        {
            Assert.Equal([AccountsApp.Friend], one.Headers.GetValues("Access-Control-Allow-Origin"));
            Assert.Equal(["true"], one.Headers.GetValues("Access-Control-Allow-Credentials"));
        }

        Assert.Equal(["content-type,x-csrftoken"], leave.Headers.GetValues("Access-Control-Allow-Headers"));
    }

    [Fact]
    public async Task The_document_marks_the_routes_as_deprecated_and_the_setting_removes_them()
    {
        using var client = app.CreateClient();
        await using var other = app.WithWebHostBuilder(builder => builder.UseSetting("Legacy:Enabled", "false"));
        using var without = other.CreateClient();

        var paths = (await client.GetFromJsonAsync<JsonElement>("/openapi/v1.json", Cancellation)).GetProperty("paths");
        var left = (await without.GetFromJsonAsync<JsonElement>("/openapi/v1.json", Cancellation)).GetProperty("paths");

        var deprecated =
            from path in paths.EnumerateObject()
            from operation in path.Value.EnumerateObject()
            where operation.Value.TryGetProperty("deprecated", out var mark) && mark.GetBoolean()
            select path.Name;
        Assert.Equal(
            paths.EnumerateObject().Select(path => path.Name).Except(left.EnumerateObject().Select(path => path.Name)),
            deprecated
        );
        Assert.Contains("/api/scores", deprecated);
        Assert.Equal(404, (await without.SendAsync("GET", "/user")).Status);
        Assert.Equal(404, (await without.SendAsync("GET", "/api/scores")).Status);
    }

    private static StringContent Registration(string name) =>
        ChallengeForms.Json(
            JsonSerializer.Serialize(
                new
                {
                    username = name,
                    company = "ACME",
                    email = $"{name}@example.org",
                    password = AccountsApp.Password,
                }
            )
        );

    /// <summary>The client invents the address.</summary>
    private static StringContent Login(string username, string password) =>
        ChallengeForms.Json(
            JsonSerializer.Serialize(
                new
                {
                    username,
                    email = $"{username}@mail.de",
                    password,
                }
            )
        );

    private static async Task<IEnumerable<string>> FieldsAsync(HttpResponseMessage answer) =>
        (await answer.Content.ReadFromJsonAsync<JsonObject>(Cancellation))!.Select(field => field.Key);
}
