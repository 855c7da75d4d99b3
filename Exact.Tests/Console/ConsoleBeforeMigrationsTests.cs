using System.Net;
using Exact.Infrastructure.Migrating;
using Exact.Tests.Support;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.Mvc.Testing.Handlers;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Tests.AdminConsole;

/// <summary>The console of a service that waits for somebody to migrate: what it opens, and what stays closed.</summary>
public sealed class ConsoleBeforeMigrationsTests : IAsyncLifetime
{
    private readonly WaitingApp app = new(new TestDatabase());

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await app.Database.InitializeAsync();

    public ValueTask DisposeAsync() => app.DisposeAsync();

    [Fact]
    public async Task Only_the_admin_key_opens_the_console()
    {
        using var browser = CreateBrowser(app);
        foreach (var path in new[] { "/admin", "/admin/migrations", "/admin/operations", "/admin/backups" })
        {
            using var page = await browser.GetAsync(path, Cancellation);
            Assert.Equal(HttpStatusCode.Unauthorized, page.StatusCode);
            Assert.Contains("Admin key", await page.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        }

        using var events = await browser.GetAsync("/admin/migrations/events", Cancellation);
        Assert.Equal(HttpStatusCode.Unauthorized, events.StatusCode);
        using var apply = await ConsoleForms.PostAsync(browser, "/admin/sign-in", "/admin/migrations");
        Assert.Equal(HttpStatusCode.Unauthorized, apply.StatusCode);
        using var staff = await ConsoleForms.PostAsync(
            browser,
            "/admin/sign-in",
            "/admin/sign-in",
            ("username", "ada"),
            ("password", "correct horse 7")
        );
        Assert.Equal(HttpStatusCode.UnprocessableEntity, staff.StatusCode);
        Assert.Contains(
            "Accounts cannot be checked now.",
            await staff.Content.ReadAsStringAsync(Cancellation),
            StringComparison.Ordinal
        );
        using var invented = new HttpRequestMessage(HttpMethod.Get, "/admin");
        invented.Headers.Add(
            "Cookie",
            "exact_console=CfDJ8AAAAAAAAAAAAAAAAAAAAAA; exact_session=CfDJ8AAAAAAAAAAAAAAAAAAAAAA"
        );
        using var refused = await app.CreateDefaultClient().SendAsync(invented, Cancellation);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.False(app.Services.GetRequiredService<SchemaState>().HasStarted);
    }

    [Fact]
    public async Task The_session_of_the_key_opens_what_needs_no_schema_and_nothing_else()
    {
        using var browser = CreateBrowser(app);
        await ConsoleForms.SignInAsync(browser, "/admin/migrations");

        Assert.Matches(
            "[0-9]+ migrations are pending: apply them.",
            await browser.GetStringAsync("/admin", Cancellation)
        );
        foreach (
            var path in new[] { "/admin/operations", "/admin/backups", "/api/challenges", "/api/admin/migrations" }
        )
        {
            using var answer = await browser.GetAsync(path, Cancellation);
            var page = await answer.Content.ReadAsStringAsync(Cancellation);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.Contains("This page becomes the one that you asked for", page, StringComparison.Ordinal);
        }

        browser.DefaultRequestHeaders.Remove("Accept");
        using var api = await browser.GetAsync("/api/admin/migrations", Cancellation);
        Assert.Equal(HttpStatusCode.Unauthorized, api.StatusCode);
        using var nothing = new FormUrlEncodedContent([]);
        using var bare = await browser.PostAsync("/admin/migrations", nothing, Cancellation);
        Assert.Equal(HttpStatusCode.BadRequest, bare.StatusCode);
        browser.DefaultRequestHeaders.Add("Sec-Fetch-Site", "cross-site");
        foreach (var path in new[] { "/admin/migrations", "/admin/sign-in" })
        {
            using var foreign = await ConsoleForms.PostAsync(browser, "/admin/migrations", path);
            Assert.Equal(HttpStatusCode.Forbidden, foreign.StatusCode);
        }

        Assert.False(app.Services.GetRequiredService<SchemaState>().HasStarted);
    }

    [Fact]
    public async Task Guessing_the_key_is_slowed_down()
    {
        using var browser = CreateBrowser(app);
        browser.DefaultRequestHeaders.Add(ExactApp.Sender, "192.0.2.7");
        for (var i = 0; i < 10; i++)
        {
            using var wrong = await SendKeyAsync($"a wrong key, number {i}");
            Assert.Equal(HttpStatusCode.UnprocessableEntity, wrong.StatusCode);
        }

        using var right = await SendKeyAsync(ExactApp.AdminKey);

        Assert.Contains(
            "Too many wrong keys came from this address.",
            await right.Content.ReadAsStringAsync(Cancellation),
            StringComparison.Ordinal
        );

        Task<HttpResponseMessage> SendKeyAsync(string key) =>
            ConsoleForms.PostAsync(browser, "/admin/sign-in", "/admin/sign-in", ("key", key));
    }

    [Fact]
    public async Task A_session_is_known_to_every_replica_once_the_migrations_are_applied()
    {
        await using var other = app.WithWebHostBuilder(_ => { });
        var cookies = new CookieContainer();
        using var here = CreateBrowser(app, cookies);
        using var there = CreateBrowser(other, cookies);
        await ConsoleForms.SignInAsync(here, "/admin");
        using (var early = await there.GetAsync("/admin", Cancellation))
        {
            Assert.Equal(HttpStatusCode.Unauthorized, early.StatusCode);
        }

        using (var applied = await ConsoleForms.PostAsync(here, "/admin/migrations", "/admin/migrations"))
        {
            Assert.Equal(HttpStatusCode.OK, applied.StatusCode);
        }

        await Task.WhenAll(ExactApp.WhenReadyAsync(app), ExactApp.WhenReadyAsync(other));
        using var page = await here.GetAsync("/admin/operations", Cancellation);
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        // The cookie was renewed by this page, or by the one behind the button if the service was ready by then.
        using var elsewhere = await there.GetAsync("/admin/operations", Cancellation);
        Assert.Equal(HttpStatusCode.OK, elsewhere.StatusCode);
        using var again = await here.GetAsync("/admin/operations", Cancellation);
        Assert.False(again.Headers.Contains("Set-Cookie")); // it is renewed once
    }

    [Fact]
    public async Task A_database_that_went_back_to_an_older_schema_can_be_migrated_too()
    {
        using (var admin = app.CreateAdmin())
        {
            using var applied = await admin.PostAsync("/api/admin/migrations", null, Cancellation);
            applied.EnsureSuccessStatusCode();
            await ExactApp.WhenReadyAsync(app);
        }

        await app.Database.MigrateToFirstAsync();
        using var browser = CreateBrowser(app);
        var state = app.Services.GetRequiredService<SchemaState>();
        await Wait.UntilAsync(
            async () =>
            {
                using var probe = await browser.GetAsync("/health/ready", Cancellation);
                return state.Current.Phase is SchemaPhase.WaitingForMigrations;
            },
            "the service notices"
        );

        await ConsoleForms.SignInAsync(browser, "/admin");
        var page = await browser.GetStringAsync("/admin", Cancellation);
        Assert.Matches("[0-9]+ migrations are pending: apply them.", page);
        using var apply = await ConsoleForms.PostAsync(browser, "/admin/migrations", "/admin/migrations");
        await Wait.UntilAsync(
            async () =>
                state.IsReady && await app.Database.ScalarAsync<long>("SELECT count(*) FROM data_protection_keys") > 0,
            "the service is ready and has a key"
        );

        using var journal = await browser.GetAsync("/admin/operations", Cancellation);
        Assert.Equal(HttpStatusCode.OK, journal.StatusCode);
    }

    [Fact]
    public async Task A_run_that_is_refused_says_why_and_the_service_waits_again()
    {
        await app.Database.ExecuteAsync("CREATE TABLE challenges (id int)"); // without a history
        using var browser = CreateBrowser(app);
        await ConsoleForms.SignInAsync(browser, "/admin/migrations");

        using var apply = await ConsoleForms.PostAsync(browser, "/admin/migrations", "/admin/migrations");

        Assert.Equal(HttpStatusCode.OK, apply.StatusCode);
        await Wait.UntilAsync(
            async () =>
                (await browser.GetStringAsync("/admin/migrations", Cancellation)).Contains(
                    "<strong>The migrations were not applied.</strong> Database",
                    StringComparison.Ordinal
                ),
            "the page says why"
        );
        var state = app.Services.GetRequiredService<SchemaState>();
        await Wait.UntilAsync(
            () => Task.FromResult(state.Current.Phase is SchemaPhase.WaitingForMigrations),
            "the service waits"
        );
    }

    private static HttpClient CreateBrowser(WebApplicationFactory<Program> service, CookieContainer? cookies = null)
    {
        var browser = service.CreateDefaultClient(
            new RedirectHandler(),
            new CookieContainerHandler(cookies ?? new CookieContainer())
        );
        browser.DefaultRequestHeaders.Add("Accept", "text/html");
        return browser;
    }

    private sealed class WaitingApp(TestDatabase database) : ExactApp(database)
    {
        protected override void ConfigureWebHost(IWebHostBuilder builder)
        {
            base.ConfigureWebHost(builder);
            builder.UseSetting("Migrations:OnStartup", "Check");
        }
    }
}
