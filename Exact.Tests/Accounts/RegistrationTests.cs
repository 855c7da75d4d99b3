using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Exact.Tests.Support;

namespace Exact.Tests.Accounts;

public sealed class RegistrationTests(AccountsApp app) : IClassFixture<AccountsApp>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Somebody_registers_and_signs_in_and_out()
    {
        var name = app.NewName();
        using var browser = app.CreateClient();

        using var registered = await RegisterAsync(browser, name, email: $"{name}@Example.org", company: "ACME");
        using var signedIn = await browser.PostAsJsonAsync(
            "/api/account/login",
            new { username = name, password = AccountsApp.Password },
            Cancellation
        );
        var account = await browser.GetFromJsonAsync<JsonElement>("/api/account", Cancellation);
        using var signedOut = await browser.PostAsync("/api/account/logout", null, Cancellation);
        using var after = await browser.GetAsync("/api/account", Cancellation);

        Assert.Equal(
            (HttpStatusCode.Created, "/api/account"),
            (registered.StatusCode, $"{registered.Headers.Location}")
        );
        Assert.False(registered.Headers.Contains("Set-Cookie"));
        Assert.Equal(HttpStatusCode.OK, signedIn.StatusCode);
        var cookie = Assert.Single(signedIn.Headers.GetValues("Set-Cookie"));
        Assert.Contains("samesite=lax", cookie);
        Assert.Contains("httponly", cookie);
        Assert.DoesNotContain("secure", cookie);
        Assert.Equal(
            (name, $"{name}@Example.org", "ACME", false),
            (
                account.GetProperty("username").GetString(),
                account.GetProperty("email").GetString(),
                account.GetProperty("company").GetString(),
                account.GetProperty("is_staff").GetBoolean()
            )
        );
        Assert.NotEqual(JsonValueKind.Null, account.GetProperty("last_login").ValueKind);
        Assert.Equal(HttpStatusCode.NoContent, signedOut.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, after.StatusCode);
        Assert.StartsWith(
            "pbkdf2_sha256$600000$",
            await app.Database.ScalarAsync<string>($"SELECT password_hash FROM users WHERE username = '{name}'")
        );
    }

    [Theory]
    [InlineData("", "correct horse 7", "a@example.org", "username")]
    [InlineData("with blank", "correct horse 7", "a@example.org", "username")]
    [InlineData("a/b", "correct horse 7", "a@example.org", "username")]
    [InlineData("one\u00bd", "correct horse 7", "a@example.org", "username")] // in NFKC it has a slash
    [InlineData(null, "correct horse 7", "a@example.org", "username")]
    [InlineData("grace", "short 7", "a@example.org", "password")]
    [InlineData("grace", "1234567890", "a@example.org", "password")]
    [InlineData("gracehopper", "gracehopper1", "a@example.org", "password")]
    [InlineData("grace", "admiral.hopper", "admiral.hopper@example.org", "password")]
    [InlineData("grace", null, "a@example.org", "password")]
    [InlineData("grace", "correct horse 7", "nobody", "email")]
    [InlineData("grace", "correct horse 7", "a b@example.org", "email")]
    [InlineData("grace", "correct horse 7", null, "email")]
    [InlineData("grace", "correct horse 7", "a@example.org", "company", "two\nlines")]
    public async Task A_wrong_registration_is_refused_with_the_field(
        string? name,
        string? password,
        string? email,
        string field,
        string? company = null
    )
    {
        using var client = app.CreateClient();

        using var answer = await RegisterAsync(client, name, password, email, company);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        Assert.Equal([field], problem.GetProperty("errors").EnumerateObject().Select(error => error.Name));
    }

    [Theory]
    [InlineData("", "There is no JSON object in it.")]
    [InlineData("[1]", "in line 1 at byte")]
    [InlineData("{\n\"username\": }", "in line 2 at byte")]
    [InlineData("{\"username\": 7}", "\"username\":[\"username must be a string of complete Unicode characters.\"]")]
    [InlineData("{\"username\": \"\\ud800\"}", "username must be a string of complete Unicode characters.")]
    [InlineData("{\"username\": \"a\", \"password\": \"\"}", "password must not be empty.")]
    public async Task A_body_that_is_no_JSON_object_is_refused_with_the_place(string body, string expected)
    {
        using var client = app.CreateClient();

        using var answer = await client.PostAsync(
            "/api/account/register",
            new StringContent(body, null, "application/json"),
            Cancellation
        );

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(expected, await answer.Content.ReadAsStringAsync(Cancellation));
    }

    [Fact]
    public async Task A_form_is_refused_with_the_type_to_send()
    {
        using var client = app.CreateClient();
        using var form = new FormUrlEncodedContent([new("username", "ada")]);

        using var answer = await client.PostAsync("/api/account/register", form, Cancellation);

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
        Assert.Contains("Content-Type: application/json.", await answer.Content.ReadAsStringAsync(Cancellation));
    }

    [Theory]
    [InlineData("Ada.Lovelace", "ADA.lovelace")]
    [InlineData("Ädele_1", "äDELE_1")]
    [InlineData("same", "same")]
    [InlineData("ＷＩＤＥ", "wide")] // Django stores the name in the form NFKC
    [InlineData("e\u0301lan", "\u00e9lan")]
    public async Task A_name_that_differs_only_in_case_is_taken(string first, string second)
    {
        using var client = app.CreateClient();
        using var one = await RegisterAsync(client, first, email: $"{app.NewName()}@example.org");

        using var other = await RegisterAsync(client, second, email: $"{app.NewName()}@example.org");

        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.Conflict), (one.StatusCode, other.StatusCode));
    }

    [Theory]
    [InlineData("admin-key")]
    [InlineData("Admin-Key")]
    [InlineData("command-line")]
    [InlineData("\uff33tartup")] // NFKC makes it an S
    public async Task A_name_of_the_journal_is_reserved(string name)
    {
        using var client = app.CreateAdmin();

        using var answer = await RegisterAsync(client, name, email: $"{app.NewName()}@example.org");

        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
        Assert.Contains("The user name is reserved.", await answer.Content.ReadAsStringAsync(Cancellation));
    }

    [Fact]
    public async Task An_email_address_is_taken_whatever_its_case()
    {
        var name = await app.RegisterAsync();
        using var client = app.CreateClient();

        using var answer = await RegisterAsync(client, app.NewName(), email: $"{name}@EXAMPLE.org");

        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
    }

    [Theory]
    [InlineData(
        "left1",
        "INSERT INTO scores (username, challenge_id, status, created_at) VALUES ('left1', 'c', 'completed', now())"
    )]
    [InlineData(
        "left2",
        "INSERT INTO challenges (challenge_id, title, description, created_at, created_by) VALUES ('d', 't', '', now(), 'left2')"
    )]
    public async Task Only_an_administrator_gives_a_name_with_a_history_to_a_new_account(string name, string sql)
    {
        await app.Database.ExecuteAsync(
            $"""
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            VALUES ('c', 't', '', now(), 'somebody') ON CONFLICT DO NOTHING;
            {sql}
            """
        );
        using var client = app.CreateClient();
        using var admin = app.CreateAdmin();

        using var refused = await RegisterAsync(client, name, email: $"{name}@example.org");
        using var confirmed = await RegisterAsync(admin, name, email: $"{name}@example.org");

        Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
        Assert.Contains("administrator", await refused.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal(HttpStatusCode.Created, confirmed.StatusCode);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Ten_registrations_at_the_same_time_make_one_account(bool haveOneName)
    {
        var shared = $"{app.NewName()}race";
        using var client = app.CreateClient();

        var answers = await Task.WhenAll(
            Enumerable
                .Range(0, 10)
                .Select(i =>
                    haveOneName
                        ? RegisterAsync(
                            client,
                            i % 2 == 0 ? shared : shared.ToUpperInvariant(),
                            email: $"{shared}{i}@a.org"
                        )
                        : RegisterAsync(client, $"{shared}_{i}", email: $"{shared}@b.org")
                )
        );

        Assert.Equal(
            [HttpStatusCode.Created, .. Enumerable.Repeat(HttpStatusCode.Conflict, 9)],
            answers.Select(answer => answer.StatusCode).Order()
        );
        Assert.Equal(
            1,
            await app.Database.ScalarAsync<long>($"SELECT count(*) FROM users WHERE username ILIKE '{shared}%'")
        );
    }

    [Fact]
    public async Task A_name_that_an_import_brings_at_the_same_moment_is_taken()
    {
        var (other, name) = (await app.RegisterAsync(), app.NewName());
        using var client = app.CreateClient();
        await using var import = await app.Database.DataSource.OpenConnectionAsync(Cancellation);
        await using var transaction = await import.BeginTransactionAsync(Cancellation);
        await using var bring = import.CreateCommand();
        bring.CommandText = $"""
            UPDATE users SET username = '{name}', normalized_username = '{name}' WHERE username = '{other}'
            """;
        await bring.ExecuteNonQueryAsync(Cancellation);

        var registration = RegisterAsync(client, name, email: $"{name}@example.org");
        await Wait.UntilAsync(
            () =>
                app.Database.ScalarAsync<bool>(
                    """
                    SELECT EXISTS (SELECT FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event = 'transactionid')
                    """
                ),
            "the registration waits for the import"
        );
        await transaction.CommitAsync(Cancellation);
        using var answer = await registration;

        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
    }

    private static Task<HttpResponseMessage> RegisterAsync(
        HttpClient client,
        string? username,
        string? password = AccountsApp.Password,
        string? email = null,
        string? company = null
    ) =>
        client.PostAsJsonAsync(
            "/api/account/register",
            new
            {
                username,
                password,
                email,
                company,
            },
            Cancellation
        );
}
