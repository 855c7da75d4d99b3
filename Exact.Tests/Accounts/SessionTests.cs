using System.Net;
using System.Net.Http.Json;
using Exact.Infrastructure.Accounts;
using Exact.Tests.Support;
using Microsoft.AspNetCore.Mvc.Testing;

namespace Exact.Tests.Accounts;

public sealed class SessionTests(AccountsApp app) : IClassFixture<AccountsApp>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("is_active = false")]
    [InlineData("is_superuser = true")]
    [InlineData("password_hash = 'pbkdf2_sha256$1000$salt$lPtWrz6iLl0+0bBUCFsTbKMBt12LQGyALEiUefJzh8Y='")]
    [InlineData("username = username || 'x'")]
    public async Task A_change_by_SQL_ends_the_session_within_a_minute(string change)
    {
        var name = await app.RegisterAsync();
        using var browser = await app.SignInAsync(name);
        await app.Database.ExecuteAsync($"UPDATE users SET {change} WHERE username = '{name}'");

        app.Time.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(browser));
    }

    [Fact]
    public async Task A_session_without_a_change_goes_on_for_as_long_as_it_is_used()
    {
        using var browser = await app.SignInAsync(await app.RegisterAsync());
        for (var week = 0; week < 4; week++)
        {
            app.Time.Advance(TimeSpan.FromDays(7));
            Assert.Equal(HttpStatusCode.OK, await StatusAsync(browser));
        }

        app.Time.Advance(TimeSpan.FromDays(15));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(browser));
    }

    [Theory]
    [InlineData("/api/account/logout")]
    [InlineData("/logout")]
    public async Task A_copy_of_a_cookie_ends_within_a_minute_after_the_sign_out_and_other_devices_go_on(string path)
    {
        var name = await app.RegisterAsync();
        var cookie = await app.CookieAsync(name);
        using var other = await app.SignInAsync(name);
        using var copy = app.CreateClient(new() { HandleCookies = false });
        copy.DefaultRequestHeaders.Add("Cookie", cookie);
        app.Time.Advance(TimeSpan.FromSeconds(31));
        using var renewed = await copy.GetAsync("/api/account", Cancellation);
        using var thief = app.CreateClient(new() { HandleCookies = false });
        thief.DefaultRequestHeaders.Add("Cookie", renewed.Headers.GetValues("Set-Cookie").Single().Split(';')[0]);

        using var ended = await copy.PostAsync(path, null, Cancellation);
        app.Time.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal(HttpStatusCode.OK, renewed.StatusCode);
        Assert.True(ended.IsSuccessStatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(copy));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(thief));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(other));
    }

    [Fact]
    public async Task A_new_password_ends_the_other_sessions_and_not_the_own()
    {
        var name = await app.RegisterAsync();
        using var own = await app.SignInAsync(name);
        using var other = await app.SignInAsync(name);

        using var wrong = await ChangeAsync(own, "not it at all", "staple battery 9");
        using var weak = await ChangeAsync(own, AccountsApp.Password, "12345678");
        using var changed = await ChangeAsync(own, AccountsApp.Password, "staple battery 9");
        app.Time.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
        Assert.Contains("current_password", await wrong.Content.ReadAsStringAsync(Cancellation));
        Assert.Contains("new_password", await weak.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal(HttpStatusCode.NoContent, changed.StatusCode);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(own));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(other));
        using var again = await app.SignInAsync(name, "staple battery 9");
    }

    [Theory]
    [InlineData("pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=")]
    [InlineData("pbkdf2_sha1$1000$seasalt$iQvkNOF1wEL4Khh8eogJ8rUhipM=")]
    public async Task A_weaker_hash_of_Django_is_replaced_at_the_sign_in(string hash)
    {
        var name = await app.RegisterAsync();
        await app.Database.ExecuteAsync($"UPDATE users SET password_hash = '{hash}' WHERE username = '{name}'");

        using var browser = await app.SignInAsync(name, "correct horse");
        app.Time.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(browser));
        Assert.StartsWith(
            "pbkdf2_sha256$600000$",
            await app.Database.ScalarAsync<string>($"SELECT password_hash FROM users WHERE username = '{name}'")
        );
    }

    [Fact]
    public async Task Every_refused_sign_in_gets_one_answer_and_costs_as_much_as_the_costliest_hash()
    {
        const string Weak = "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=";
        var (name, disabled, weak, costly, unusable) = (
            await app.RegisterAsync(),
            await app.RegisterAsync(),
            await app.RegisterAsync(),
            await app.RegisterAsync(),
            await app.RegisterAsync()
        );
        await app.Database.ExecuteAsync(
            $"""
            UPDATE users SET is_active = false WHERE username = '{disabled}';
            UPDATE users SET password_hash = '{Weak}' WHERE username = '{weak}';
            UPDATE users SET password_hash = '{Weak.Replace("1000", "600123")}' WHERE username = '{costly}';
            UPDATE users SET password_hash = '!' WHERE username = '{unusable}';
            """
        );
        app.Time.Advance(TimeSpan.FromHours(1)); // it looks for the costliest from time to time
        using var client = app.CreateClient();

        var answers = new HashSet<(HttpStatusCode, int, string)>();
        foreach (var who in new[] { "nobody", name, disabled, weak, costly, unusable })
        {
            var before = app.Hashes.Cost;
            using var answer = await AttemptAsync(
                client,
                who,
                "192.0.2.1",
                who == disabled ? AccountsApp.Password : "x"
            );
            answers.Add((answer.StatusCode, app.Hashes.Cost - before, await TitleAsync(answer)));
        }

        var (status, cost, _) = Assert.Single(answers);
        Assert.Equal((HttpStatusCode.Unauthorized, 600_123), (status, cost));
    }

    [Fact]
    public async Task Ten_failures_make_one_network_wait_and_no_other()
    {
        var name = await app.RegisterAsync();
        using var client = app.CreateClient();

        var answers = await Task.WhenAll(
            Enumerable.Range(1, 13).Select(i => AttemptAsync(client, name, $"198.51.100.{i}", $"guess {i}"))
        );

        Assert.Equal(10, answers.Count(answer => answer.StatusCode is HttpStatusCode.Unauthorized));
        Assert.All(
            answers.Where(answer => answer.StatusCode is not HttpStatusCode.Unauthorized),
            answer =>
            {
                Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
                Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value.TotalMinutes, 13, 15);
            }
        );
        using var right = await AttemptAsync(client, name, "198.51.100.99", AccountsApp.Password);
        using var elsewhere = await AttemptAsync(client, name, "198.51.101.1", AccountsApp.Password);
        await app.Database.ExecuteAsync("UPDATE failed_sign_ins SET since = since - interval '16 minutes'");
        using var later = await AttemptAsync(client, name, "198.51.100.99", AccountsApp.Password);

        Assert.Equal(HttpStatusCode.TooManyRequests, right.StatusCode);
        Assert.Equal(HttpStatusCode.OK, elsewhere.StatusCode);
        Assert.Equal(HttpStatusCode.OK, later.StatusCode);
        Assert.Equal(
            0,
            await app.Database.ScalarAsync<long>(
                "SELECT count(*) FROM failed_sign_ins WHERE since < now() - interval '15 minutes'"
            )
        );
    }

    [Theory]
    [InlineData("192.0.2.9", "192.0.2.0/24")]
    [InlineData("::ffff:192.0.2.9", "192.0.2.0/24")]
    [InlineData("2001:db8:1:2:3::4", "2001:db8:1:2::/64")]
    public void Failures_are_counted_by_network(string address, string network) =>
        Assert.Equal(network, SignInThrottle.NetworkOf(IPAddress.Parse(address)));

    [Theory]
    [InlineData("same-origin", null, HttpStatusCode.NoContent)]
    [InlineData("none", null, HttpStatusCode.NoContent)]
    [InlineData("cross-site", null, HttpStatusCode.Forbidden)]
    [InlineData("same-site", null, HttpStatusCode.Forbidden)]
    [InlineData("cross-site", "https://evil.example", HttpStatusCode.Forbidden)]
    [InlineData("cross-site", AccountsApp.Friend, HttpStatusCode.NoContent)]
    [InlineData(null, "http://localhost", HttpStatusCode.NoContent)]
    [InlineData(null, "http://localhost:81", HttpStatusCode.Forbidden)]
    [InlineData(null, "https://evil.example", HttpStatusCode.Forbidden)]
    [InlineData(null, "null", HttpStatusCode.Forbidden)]
    [InlineData(null, null, HttpStatusCode.NoContent)]
    public async Task Another_site_cannot_act_with_the_cookie(string? site, string? origin, HttpStatusCode expected)
    {
        using var browser = await app.SignInAsync(await SharedPersonAsync());
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/account/logout");
        using var read = new HttpRequestMessage(HttpMethod.Get, "/api/account");
        foreach (var one in new[] { request, read })
        {
            if (site is not null)
            {
                one.Headers.Add("Sec-Fetch-Site", site);
            }

            if (origin is not null)
            {
                one.Headers.Add("Origin", origin);
            }
        }

        using var safe = await browser.SendAsync(read, Cancellation);
        using var answer = await browser.SendAsync(request, Cancellation);

        Assert.Equal(HttpStatusCode.OK, safe.StatusCode);
        Assert.Equal(expected, answer.StatusCode);
    }

    [Theory]
    [InlineData(AccountsApp.Friend, true)]
    [InlineData("https://evil.example", false)]
    [InlineData("null", false)]
    public async Task A_browser_lets_only_a_listed_origin_use_the_API(string origin, bool isAllowed)
    {
        using var client = app.CreateClient();
        using var preflight = new HttpRequestMessage(HttpMethod.Options, "/api/account/login");
        preflight.Headers.Add("Access-Control-Request-Method", "POST");
        preflight.Headers.Add("Access-Control-Request-Headers", "content-type");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/account");

        foreach (var one in new[] { preflight, request })
        {
            one.Headers.Add("Origin", origin);
            using var answer = await client.SendAsync(one, Cancellation);
            var allowed = answer.Headers.TryGetValues("Access-Control-Allow-Origin", out var origins);
            Assert.Equal(isAllowed ? [origin] : [], allowed ? origins! : []);
            Assert.Equal(isAllowed, answer.Headers.Contains("Access-Control-Allow-Credentials"));
        }
    }

    [Fact]
    public async Task Another_site_cannot_sign_a_browser_in()
    {
        using var client = app.CreateClient();
        client.DefaultRequestHeaders.Add("Sec-Fetch-Site", "cross-site");

        using var answer = await AttemptAsync(client, await SharedPersonAsync(), "192.0.2.7", AccountsApp.Password);

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
    }

    [Fact]
    public async Task The_cookie_is_secure_over_HTTPS()
    {
        using var client = app.CreateClient(
            new WebApplicationFactoryClientOptions { BaseAddress = new("https://localhost") }
        );

        using var answer = await AttemptAsync(client, await SharedPersonAsync(), "192.0.2.8", AccountsApp.Password);

        Assert.Contains("; secure", Assert.Single(answer.Headers.GetValues("Set-Cookie")));
    }

    [Fact]
    public async Task Nothing_that_is_logged_holds_a_password_a_token_or_a_cookie()
    {
        var name = await app.RegisterAsync(isStaff: true);
        using var browser = await app.SignInAsync(name);
        using var wrong = await AttemptAsync(browser, name, "192.0.2.4", "a wrong secret");
        using var broken = await browser.PostAsync(
            "/api/account/login",
            new StringContent("""{"username": "x", "password": "a broken secret" """, null, "application/json"),
            Cancellation
        );
        var (_, secret) = await AccountsApp.CreateTokenAsync(browser, ["admin"]);
        using var program = app.CreateProgram(secret);
        using var status = await program.GetAsync("/api/admin/migrations", Cancellation);
        using var mistyped = app.CreateProgram($"{secret}x");
        using var refused = await mistyped.GetAsync("/api/account", Cancellation);

        Assert.Equal(HttpStatusCode.OK, status.StatusCode);
        Assert.Equal((HttpStatusCode.BadRequest, HttpStatusCode.Unauthorized), (broken.StatusCode, refused.StatusCode));
        var log = app.Log.Text;
        Assert.Contains("/api/account/login", log);
        foreach (var hidden in new[] { AccountsApp.Password, "a wrong secret", "a broken secret", secret[..20] })
        {
            Assert.DoesNotContain(hidden, log);
        }

        Assert.DoesNotContain("pbkdf2_sha256$600000$", log);
    }

    private static async Task<HttpStatusCode> StatusAsync(HttpClient browser)
    {
        using var answer = await browser.GetAsync("/api/account", Cancellation);
        return answer.StatusCode;
    }

    private static Task<HttpResponseMessage> ChangeAsync(HttpClient browser, string current, string next) =>
        browser.PostAsJsonAsync(
            "/api/account/password",
            new { current_password = current, new_password = next },
            Cancellation
        );

    private static Task<HttpResponseMessage> AttemptAsync(
        HttpClient client,
        string name,
        string sender,
        string password
    )
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/api/account/login")
        {
            Content = JsonContent.Create(new { username = name, password }),
        };
        request.Headers.Add(ExactApp.Sender, sender);
        return client.SendAsync(request, Cancellation);
    }

    private static async Task<string> TitleAsync(HttpResponseMessage answer)
    {
        var problem = await answer.Content.ReadFromJsonAsync<System.Text.Json.JsonElement>(Cancellation);
        return $"{problem.GetProperty("title")} {problem.GetProperty("detail")}";
    }

    /// <summary>Somebody for the tests that only need anybody; hashing a password takes a while.</summary>
    private async Task<string> SharedPersonAsync() => shared ??= await app.RegisterAsync();

    private static string? shared;
}
