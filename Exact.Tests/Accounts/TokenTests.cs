using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Exact.Infrastructure.Accounts;

namespace Exact.Tests.Accounts;

public sealed class TokenTests(AccountsApp app) : IClassFixture<AccountsApp>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_token_is_shown_once_and_works_until_it_is_revoked()
    {
        var name = await app.RegisterAsync();
        using var browser = await app.SignInAsync(name);
        var (id, secret) = await AccountsApp.CreateTokenAsync(browser, ["read", "submit"]);
        using var program = app.CreateProgram(secret);

        var account = await program.GetFromJsonAsync<JsonElement>("/api/account", Cancellation);
        var list = await browser.GetFromJsonAsync<JsonElement>("/api/account/tokens", Cancellation);
        using var revoked = await browser.DeleteAsync($"/api/account/tokens/{id}", Cancellation);
        using var again = await browser.DeleteAsync($"/api/account/tokens/{id}", Cancellation);

        Assert.Matches("^exact_pat_[0-9A-Za-z]{36}$", secret);
        Assert.Equal(name, account.GetProperty("username").GetString());
        var shown = Assert.Single(list.EnumerateArray());
        Assert.False(shown.TryGetProperty("token", out _));
        Assert.Equal(0, shown.GetProperty("last_used_at").GetDateTimeOffset().Second);
        Assert.Equal(
            ["read", "submit"],
            shown.GetProperty("scopes").EnumerateArray().Select(scope => scope.GetString())
        );
        Assert.Equal((HttpStatusCode.NoContent, HttpStatusCode.NotFound), (revoked.StatusCode, again.StatusCode));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(program));
    }

    [Fact]
    public async Task A_token_expires_and_stops_with_its_account()
    {
        var name = await app.RegisterAsync();
        using var browser = await app.SignInAsync(name);
        var (_, brief) = await AccountsApp.CreateTokenAsync(browser, ["read"], app.Time.GetUtcNow().AddHours(1));
        var (_, lasting) = await AccountsApp.CreateTokenAsync(browser, ["read"]);
        using var first = app.CreateProgram(brief);
        using var second = app.CreateProgram(lasting);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(first));

        app.Time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(first));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(second));

        await app.Database.ExecuteAsync($"UPDATE users SET is_active = false WHERE username = '{name}'");
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(second));
    }

    [Fact]
    public async Task A_token_of_somebody_who_left_the_staff_opens_nothing_for_staff()
    {
        var name = await app.RegisterAsync(isStaff: true);
        using var browser = await app.SignInAsync(name);
        var (_, secret) = await AccountsApp.CreateTokenAsync(browser, ["admin"]);
        using var program = app.CreateProgram(secret);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(program, "/api/admin/operations"));

        await app.Database.ExecuteAsync($"UPDATE users SET is_staff = false WHERE username = '{name}'");

        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(program, "/api/admin/operations"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(program));
    }

    [Theory]
    [InlineData("evaluate")]
    [InlineData("backup")]
    [InlineData("admin")]
    public async Task A_participant_gets_no_token_for_staff(string scope)
    {
        participant ??= await app.SignInAsync(await app.RegisterAsync());

        using var answer = await participant.PostAsJsonAsync(
            "/api/account/tokens",
            new { name = "mine", scopes = new[] { "read", scope } },
            Cancellation
        );

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
    }

    [Theory]
    [InlineData("""{"name": "", "scopes": ["read"]}""", "name")]
    [InlineData("""{"scopes": ["read"]}""", "name")]
    [InlineData("""{"name": "a", "scopes": []}""", "scopes")]
    [InlineData("""{"name": "a"}""", "scopes")]
    [InlineData("""{"name": "a", "scopes": ["write"]}""", "scopes")]
    [InlineData("""{"name": "a", "scopes": ["read"], "expires_at": "2001-01-01T00:00:00Z"}""", "expires_at")]
    public async Task A_wrong_token_is_refused_with_the_field(string body, string field)
    {
        participant ??= await app.SignInAsync(await app.RegisterAsync());

        using var answer = await participant.PostAsync(
            "/api/account/tokens",
            new StringContent(body, null, "application/json"),
            Cancellation
        );

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        Assert.Equal([field], problem.GetProperty("errors").EnumerateObject().Select(error => error.Name));
    }

    [Fact]
    public void A_mistyped_token_is_recognized_by_its_checksum()
    {
        // Python: zlib.crc32(b"0123456789ABCDEFGHIJKLMNOPQRST") is 4039328943
        const string Right = "exact_pat_0123456789ABCDEFGHIJKLMNOPQRST" + "4PMbyp";

        Assert.True(TokenSecret.IsWellFormed(TokenSecret.Create()));
        Assert.True(TokenSecret.IsWellFormed(Right));
        Assert.False(TokenSecret.IsWellFormed(Right.Replace('0', '1')));
        Assert.False(TokenSecret.IsWellFormed($"{Right}0"));
        Assert.False(TokenSecret.IsWellFormed("exact_pat_"));
    }

    private static HttpClient? participant;

    private static async Task<HttpStatusCode> StatusAsync(HttpClient client, string path = "/api/account")
    {
        using var answer = await client.GetAsync(path, Cancellation);
        return answer.StatusCode;
    }
}
