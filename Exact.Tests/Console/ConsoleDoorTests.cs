using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Exact.Api.AdminConsole;
using Exact.Api.Backups;
using Exact.Api.Operations;
using Exact.Infrastructure.Backups;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Operations;
using Exact.Tests.Support;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing.Handlers;
using Microsoft.Extensions.Logging;

namespace Exact.Tests.AdminConsole;

/// <summary>What the console refuses, without a browser, and how it judges.</summary>
public sealed class ConsoleDoorTests(ExactApp app) : IClassFixture<ExactApp>
{
    private static readonly DateTimeOffset Now = new(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/admin/migrations")]
    [InlineData("/admin/operations/1/cancel")]
    [InlineData("/admin/backups/restore/1")]
    [InlineData("/admin/backups/restore")]
    [InlineData("/admin/sign-out")]
    public async Task A_form_without_its_token_is_refused(string path)
    {
        using var browser = app.CreateClient();
        await ConsoleForms.SignInAsync(browser, "/admin");

        using var form = new MultipartFormDataContent { { new StringContent("UTC"), "timezone" } };
        using var answer = await browser.PostAsync(path, form, Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("out of date", await answer.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/admin/migrations", "/admin/migrations")]
    [InlineData("https://evil.example/", "/admin")]
    [InlineData("//evil.example/admin", "/admin")]
    [InlineData("/admin.evil.example", "/admin")]
    [InlineData("/administration", "/admin")]
    [InlineData("/admin/sign-in", "/admin")]
    [InlineData("", "/admin")]
    public async Task Signing_in_leads_to_a_page_of_the_console_only(string asked, string expected)
    {
        using var browser = app.CreateClient();

        Assert.Equal(expected, await ConsoleForms.SignInAsync(browser, asked));
    }

    [Fact]
    public async Task A_page_allows_nothing_from_elsewhere_and_is_kept_nowhere()
    {
        using var browser = app.CreateClient();
        using var answer = await browser.GetAsync("/admin/sign-in", Cancellation);

        Assert.StartsWith(
            "default-src 'none'; script-src 'self'; style-src 'self';",
            answer.Headers.GetValues("Content-Security-Policy").Single(),
            StringComparison.Ordinal
        );
        Assert.True(answer.Headers.CacheControl?.NoStore);
        using var style = await browser.GetAsync("/admin/assets/console.css", Cancellation);
        using var again = new HttpRequestMessage(HttpMethod.Get, "/admin/assets/console.css");
        again.Headers.IfNoneMatch.Add(style.Headers.ETag!);
        using var unchanged = await browser.SendAsync(again, Cancellation);
        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
    }

    [Fact]
    public async Task The_cookie_of_the_console_opens_nothing_but_the_console()
    {
        using var browser = app.CreateClient();
        await ConsoleForms.SignInAsync(browser, "/admin");

        using var console = await browser.GetAsync("/admin", Cancellation);
        using var api = await browser.GetAsync("/api/admin/migrations", Cancellation);

        Assert.Equal(HttpStatusCode.OK, console.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, api.StatusCode);
    }

    [Theory]
    [InlineData("active", 300, null, null, "")]
    [InlineData("active", 300, 59, null, "")]
    [InlineData("active", 300, 61, null, "waiting for the table scores for 61 s")]
    [InlineData("idle", 9, null, null, "")]
    [InlineData("idle in transaction", 11, null, null, "has been idle in transaction for 11 s")]
    [InlineData("active", 1, null, 59, "")]
    [InlineData("active", 1, null, 61, "stopped 80 attempts in 61 s")]
    public void A_run_that_is_stuck_is_told_apart_from_one_that_works(
        string state,
        int since,
        int? waited,
        int? obstructed,
        string expected
    )
    {
        var wait = waited is { } seconds ? TimeSpan.FromSeconds(seconds) : (TimeSpan?)null;
        var session = new MigratingSession(state, TimeSpan.FromSeconds(since), "", wait, "the table scores", []);
        var obstacle = obstructed is { } ago ? new SchemaObstacle(80, Now.AddSeconds(-ago), "") : null;

        var wedge = MigrationActivity.FindWedge(session, obstacle, Now);

        Assert.Contains(expected, wedge ?? "", StringComparison.Ordinal);
        Assert.Equal(expected is "", wedge is null);
    }

    [Theory]
    [InlineData(MigrationState.Current, 0, 1, true, "good", "Everything is in order.")]
    [InlineData(MigrationState.Current, 0, 9, true, "warn", "The last backup is 9 days old: take a new one.")]
    [InlineData(MigrationState.Current, 0, null, true, "warn", "There is no backup yet: take one.")]
    [InlineData(
        MigrationState.Current,
        0,
        -1,
        true,
        "warn",
        "No folder for backups is set, so none are made: set Backups__Folder."
    )]
    [InlineData(MigrationState.Current, 0, null, false, "good", "Everything is ready, and the database is empty.")]
    [InlineData(MigrationState.Pending, 2, 9, true, "warn", "2 migrations are pending: apply them.")]
    [InlineData(MigrationState.Pending, 1, null, true, "warn", "1 migration is pending: apply it.")]
    [InlineData(MigrationState.Drifted, 0, 9, true, "warn", "The database differs from the model.")]
    [InlineData(
        MigrationState.Failed,
        1,
        9,
        true,
        "bad",
        "The last migration failed. Find the cause, then apply it again."
    )]
    public void The_overview_names_the_most_urgent_thing(
        MigrationState state,
        int pending,
        int? days,
        bool hasData,
        string tone,
        string sentence
    )
    {
        var status = new MigrationStatus
        {
            State = state,
            Detail = "",
            Version = "",
            Process = new SchemaProgress(SchemaPhase.Ready, ""),
            Applied = [],
            Pending = [.. Enumerable.Range(1, pending).Select(i => $"{i}")],
            Unknown = [],
        };

        var advice = Advice.Of(status, Backups(days, days != -1), hasData, running: null, Now);

        Assert.Equal((tone, sentence), (advice.Tone, advice.Sentence));
    }

    [Fact]
    public void The_overview_says_that_backups_fail_or_that_the_last_one_is_not_verified()
    {
        var status = new MigrationStatus
        {
            State = MigrationState.Current,
            Detail = "",
            Version = "",
            Process = new SchemaProgress(SchemaPhase.Ready, ""),
            Applied = [],
            Pending = [],
            Unknown = [],
        };
        var old = Backups(9);
        var failing = old with { FailedSince = Now.AddDays(-2), Error = "The disk is full." };
        var unproven = old with { Backups = [old.Backups[0] with { Name = "new", Verified = false }, .. old.Backups] };

        var ahead = status with { State = MigrationState.Ahead };
        var running = OperationResponse.From(
            new Operation
            {
                Kind = OperationKind.Import,
                Actor = "ada",
                Origin = "here",
                StartedAt = Now,
            }
        );

        var advice = new[] { failing, unproven }.Select(one => Advice.Of(status, one, hasData: true, null, Now));

        Assert.Equal("bad", Advice.Of(ahead, failing, hasData: true, null, Now).Tone);
        Assert.Equal("bad", Advice.Of(status, failing, hasData: true, running, Now).Tone);
        Assert.Equal("busy", Advice.Of(status, unproven, hasData: true, running, Now).Tone);

        Assert.Equal(
            [
                "Backups have failed since 2026-11-25 12:00:00 UTC; the last verified one is 9 days old.",
                "The last backup is not verified, so it may not be restorable: verify it.",
            ],
            advice.Select(one => one.Sentence)
        );
    }

    [Fact]
    public async Task The_cookie_of_the_forms_is_sent_over_HTTPS_only_where_it_was_set_so()
    {
        using var safe = app.CreateClient(new() { BaseAddress = new("https://exact.example.org") });
        using var plain = app.CreateClient();
        using var page = await safe.GetAsync("/admin/sign-in", Cancellation);
        using var other = await plain.GetAsync("/admin/sign-in", Cancellation);

        Assert.Contains("; secure", Assert.Single(page.Headers.GetValues("Set-Cookie")), StringComparison.Ordinal);
        Assert.DoesNotContain("secure", Assert.Single(other.Headers.GetValues("Set-Cookie")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_backup_of_the_folder_is_restored_by_whichever_replica_answers()
    {
        var folder = Directory.CreateTempSubdirectory("exact-backups-").FullName;
        await using var first = app.WithWebHostBuilder(host => host.UseSetting("Backups:Folder", folder));
        await using var second = app.WithWebHostBuilder(host => host.UseSetting("Backups:Folder", folder));
        await Task.WhenAll(ExactApp.WhenReadyAsync(first), ExactApp.WhenReadyAsync(second));
        var cookies = new CookieContainer();
        using var here = first.CreateDefaultClient(new RedirectHandler(), new CookieContainerHandler(cookies));
        using var there = second.CreateDefaultClient(new RedirectHandler(), new CookieContainerHandler(cookies));
        await ConsoleForms.SignInAsync(here, "/admin");
        var (taken, _) = await SendAsync(here, "/admin/backups");
        await WaitAsync(here, taken, "succeeded");
        var name = Path.GetFileName(Directory.EnumerateFiles(folder, "*.tar.gz").Single());
        var (dryRun, _) = await SendAsync(here, $"/admin/backups/{name}/restore", ("mode", "merge"));

        var page = await WaitAsync(there, dryRun, "Import it now");
        var backup = Regex.Match(page, """name="backup" value="([^"]+)""").Groups[1].Value;
        var id = int.Parse(Regex.Match(dryRun, @"\d+").Value, CultureInfo.InvariantCulture);
        var (_, refusal) = await SendAsync(there, $"/admin/backups/restore/{id + 1}", ("backup", backup));
        Assert.Contains("The file is not here any more.", refusal, StringComparison.Ordinal);
        var (import, _) = await SendAsync(there, $"/admin/backups/restore/{id}", ("backup", backup));
        await WaitAsync(there, import, "What has happened");
        File.Delete(Path.Combine(folder, name));
        var (_, gone) = await SendAsync(there, $"/admin/backups/restore/{id}", ("backup", backup));
        Assert.Contains("The backup has left the folder.", gone, StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task The_overview_counts_rows_only_where_PostgreSQL_knows_them_and_says_when_it_cannot_be_read()
    {
        await using var own = new ExactApp();
        await own.InitializeAsync();
        var log = new LogLines(LogLevel.Information);
        await using var service = own.WithWebHostBuilder(host =>
            host.ConfigureLogging(logging =>
                logging.AddProvider(log).AddFilter<LogLines>("Exact.Api.Access", LogLevel.Information)
            )
        );
        await ExactApp.WhenReadyAsync(service);
        using var browser = service.CreateClient();
        browser.DefaultRequestHeaders.Add("Accept", "text/html");
        await ConsoleForms.SignInAsync(browser, "/admin");
        Assert.Contains(
            log.All,
            line => line.StartsWith("Signed in to the console with the admin key from", StringComparison.Ordinal)
        );

        Assert.Contains(
            "the database is empty",
            await browser.GetStringAsync("/admin", Cancellation),
            StringComparison.Ordinal
        );
        await own.Database.ExecuteAsync( // as after a crash, which loses the statistics
            """
            SET track_counts = off;
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            VALUES ('a', 'A', '', now(), 'ada');
            UPDATE pg_class SET reltuples = -1 WHERE relname = 'challenges'
            """
        );
        var filled = await browser.GetStringAsync("/admin", Cancellation);
        Assert.DoesNotContain("the database is empty", filled, StringComparison.Ordinal);
        Assert.Matches("<th scope=\"row\">challenges</th><td class=\"number\">unknown</td>", filled);
        Assert.Matches("<th scope=\"row\">scores</th><td class=\"number\">0</td>", filled);

        await TestDatabase.ExecuteOnServerAsync($"ALTER DATABASE {own.Database.Name} ALLOW_CONNECTIONS false");
        await TestDatabase.ExecuteOnServerAsync(
            $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{own.Database.Name}'"
        );
        Assert.Contains(
            "The database cannot be read.",
            await browser.GetStringAsync("/admin", Cancellation),
            StringComparison.Ordinal
        );
    }

    private static BackupStatus Backups(int? days, bool hasFolder = true) =>
        new()
        {
            Schedule = null,
            Folder = hasFolder ? "/backups" : null,
            Keep = "last=1",
            Next = null,
            LastSuccess = null,
            LastAttempt = null,
            FailedSince = null,
            Error = null,
            Backups =
                hasFolder && days is { } old
                    ?
                    [
                        new Backup
                        {
                            Name = "b",
                            TakenAt = Now.AddDays(-old),
                            Bytes = 1,
                            Verified = true,
                        },
                    ]
                    : [],
        };

    /// <summary>Sends a form of the console with its token.</summary>
    private static async Task<(string Place, string Page)> SendAsync(
        HttpClient browser,
        string path,
        params (string Name, string Value)[] fields
    )
    {
        var page = await browser.GetStringAsync("/admin/backups", Cancellation);
        using var form = new FormUrlEncodedContent([
            new("__RequestVerificationToken", ConsoleForms.TokenOf(page)),
            .. fields.Select(field => KeyValuePair.Create(field.Name, field.Value)),
        ]);
        using var answer = await browser.PostAsync(path, form, Cancellation);
        return (answer.RequestMessage!.RequestUri!.PathAndQuery, await answer.Content.ReadAsStringAsync(Cancellation));
    }

    /// <summary>Loads a page until it says this.</summary>
    private static async Task<string> WaitAsync(HttpClient browser, string place, string text)
    {
        var page = "";
        await Wait.UntilAsync(
            async () =>
            {
                page = await browser.GetStringAsync(place, Cancellation);
                return page.Contains(text, StringComparison.Ordinal);
            },
            $"the page says \"{text}\""
        );
        return page;
    }
}
