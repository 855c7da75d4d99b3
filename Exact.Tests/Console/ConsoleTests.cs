using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Operations;
using Exact.Tests.Support;
using Exact.Tests.Transfer;
using Microsoft.Playwright;
using Npgsql;
using static Microsoft.Playwright.Assertions;

namespace Exact.Tests.AdminConsole;

/// <summary>Every page and flow of the console in a real Chromium.</summary>
public sealed class ConsoleTests(ConsoleSite site) : IClassFixture<ConsoleSite>, IAsyncDisposable
{
    /// <summary>A name that is markup, a script, and a trap for attributes and URLs.</summary>
    private const string Hostile = """<img src=x onerror=alert(1)>"'/><script>alert(2)</script>{{7*7}}""";

    /// <summary>What makes a page refresh itself without script.</summary>
    private const string Refresh = "<meta http-equiv=\"refresh\"";

    /// <summary>A fixture with an error in each record.</summary>
    private static readonly string Broken = $"""
        [
        {Sample.Challenge(9, "c9", "\"closes_on\": \"=cmd|<b>\"")},
        {Sample.Score(7, "c9", "\"emd_score\": \"x\"")}]
        """;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private readonly List<Visitor> visitors = [];

    /// <summary>Whatever a test has found, its browser must have been quiet.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var visitor in visitors)
        {
            await visitor.LeaveAsync();
        }
    }

    [Fact]
    public async Task The_key_is_exchanged_for_a_cookie_and_leads_to_the_page_that_was_asked_for()
    {
        var visitor = await VisitAsync();
        var page = visitor.Page;

        await visitor.SignInAsync("/admin/operations?kind=import", "not the key at all");
        visitor.Expect(422);
        await Expect(visitor.Main).ToContainTextAsync("This is not the admin key.");
        await visitor.LookAsync("sign-in");
        await page.GetByLabel("Admin key").FillAsync(ExactApp.AdminKey);
        await page.Keyboard.PressAsync("Enter");

        await Expect(page).ToHaveURLAsync($"{site.Address}/admin/operations?kind=import");
        await Expect(visitor.Main).ToContainTextAsync("succeeded");
        var cookie = (await page.Context.CookiesAsync()).Single(one => one.Name == "exact_console");
        Assert.True(cookie.HttpOnly);
        Assert.Equal(SameSiteAttribute.Strict, cookie.SameSite);
        Assert.DoesNotContain(ExactApp.AdminKey, cookie.Value, StringComparison.Ordinal);

        await visitor.ClickAsync("Sign out");
        await page.GotoAsync("/admin");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Sign in" })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_session_that_ends_leads_to_the_sign_in_and_back_to_the_form()
    {
        var visitor = await VisitAsync();
        var page = visitor.Page;
        await visitor.SignInAsync("/admin/backups");
        await page.SetInputFilesAsync("[name=file]", ConsoleSite.SampleFile);
        await page.Context.ClearCookiesAsync(new() { Name = "exact_console" });

        await visitor.ClickAsync("Check the file");
        await Expect(visitor.Main).ToContainTextAsync("Your session has ended. Sign in again in another tab");
        var other = await page.Context.NewPageAsync();
        await other.GotoAsync("/admin/backups");
        await other.GetByLabel("Admin key").FillAsync(ExactApp.AdminKey);
        await other.Keyboard.PressAsync("Enter");
        await Expect(other).ToHaveURLAsync($"{site.Address}/admin/backups");
        await visitor.ClickAsync("Check the file");

        await Expect(visitor.Main).ToContainTextAsync("What would happen");
    }

    [Fact]
    public async Task Staff_sign_in_with_their_password_and_participants_are_told_why_not()
    {
        using (var client = site.CreateClient())
        {
            foreach (var name in new[] { "stella", "paul" })
            {
                var account = new
                {
                    username = name,
                    password = "correct horse 7",
                    email = $"{name}@example.org",
                };
                using var content = new StringContent(JsonSerializer.Serialize(account), null, "application/json");
                using var answer = await client.PostAsync("/api/account/register", content, Cancellation);
                answer.EnsureSuccessStatusCode();
            }
        }

        await site.Database.ExecuteAsync("UPDATE users SET is_staff = true WHERE username = 'stella'");
        var visitor = await VisitAsync();
        visitor.Expect(401);
        visitor.Expect(422);
        await visitor.Page.GotoAsync("/admin");
        foreach (var name in new[] { "paul", "stella" })
        {
            await visitor.Page.GetByLabel("User name").FillAsync(name);
            await visitor.Page.GetByLabel("Password").FillAsync("correct horse 7");
            await visitor.ClickAsync("Sign in as staff");
            await Expect(visitor.Main)
                .ToContainTextAsync(name is "paul" ? "This account is not a member of staff." : "Last backup");
        }

        await Expect(visitor.Page.Locator(".who")).ToContainTextAsync("stella");
    }

    [Fact]
    public async Task The_overview_says_how_things_are_and_what_to_do_next()
    {
        foreach (var file in Directory.EnumerateFiles(site.Backups)) // the console has migrated, and backed up before
        {
            File.Delete(file);
        }

        await site.SubmitAsync();
        var visitor = await VisitAsync();
        await visitor.SignInAsync();
        await Expect(visitor.Page.Locator(".advice")).ToContainTextAsync("There is no backup yet: take one.");

        await visitor.FollowAsync("Take a backup");
        await visitor.ClickAsync("Take a backup");
        await Expect(visitor.Page.Locator(".title .tag")).ToHaveTextAsync("succeeded");
        await visitor.FollowAsync("Overview");

        await Expect(visitor.Page.Locator(".advice")).ToHaveTextAsync("Everything is in order.");
        await Expect(visitor.Page.Locator(".chart rect")).ToHaveCountAsync(30);
        await visitor.LookAsync("overview");

        await visitor.FollowAsync("verified");
        await visitor.LookAsync("backup");
        await visitor.ClickAsync("Verify it again");
        await Expect(visitor.Page.Locator(".title .tag")).ToHaveTextAsync("succeeded");
        await visitor.Page.GoBackAsync();
        var download = await visitor.Page.RunAndWaitForDownloadAsync(() => visitor.FollowAsync("Download"));
        var description = Assert.Single(Directory.EnumerateFiles(site.Backups, "*.json"));
        Assert.Equal($"{download.SuggestedFilename}.json", Path.GetFileName(description));
        await visitor.Page.CheckAsync("[value=replace]");
        await visitor.ClickAsync("Check the backup");
        await Expect(visitor.Main).ToContainTextAsync($"Import {download.SuggestedFilename}");
        await site.Database.ExecuteAsync("UPDATE challenges SET title = 'Changed since'");
        await visitor.Page.GetByLabel("To confirm").FillAsync(site.Database.Name);
        await visitor.ClickAsync("Import it now");
        await Expect(visitor.Main).ToContainTextAsync("What has happened");
        const string Changed = "SELECT count(*) FROM challenges WHERE title = 'Changed since'";
        Assert.Equal(0, await site.Database.ScalarAsync<long>(Changed));

        var today = $"{DateTimeOffset.UtcNow:yyyy-MM-dd}";
        var old = $"{DateTimeOffset.UtcNow.AddDays(-9):yyyy-MM-dd}";
        var text = await File.ReadAllTextAsync(description, Cancellation);
        await File.WriteAllTextAsync(description, text.Replace(today, old, StringComparison.Ordinal), Cancellation);
        await visitor.FollowAsync("Overview");
        await Expect(visitor.Page.Locator(".advice")).ToContainTextAsync("The last backup is 9 days old");
        await site.Database.ExecuteAsync(
            $"""
            INSERT INTO operations (kind, actor, origin, started_at, finished_at, state, error)
            VALUES ('backup', 'schedule', 'exact', now(), now(), 'failed', {Quoted(Hostile)})
            """
        );
        await visitor.Page.ReloadAsync();
        await Expect(visitor.Page.Locator(".advice")).ToContainTextAsync("Backups have failed since");
        await visitor.FollowAsync("See why");
        await Expect(visitor.Main).ToContainTextAsync(Hostile);
        await visitor.LookAsync("backups-failing");
        await site.Database.ExecuteAsync("DELETE FROM operations WHERE error LIKE '<img%'");
    }

    [Fact]
    public async Task A_pending_migration_is_reviewed_and_applied_and_its_obstacle_is_shown_live()
    {
        await site.Database.ExecuteAsync(
            """
            DROP TRIGGER disqualifications_moved_from ON disqualifications;
            DROP TRIGGER disqualifications_moved_to ON disqualifications;
            DELETE FROM "__EFMigrationsHistory" WHERE migration_id LIKE '%DeriveFromMovedDisqualifications'
            """
        );
        await using var copy = new MigratedDatabase(MigratedTemplate.Current); // its tables have the same numbers
        await copy.InitializeAsync();
        await using var stranger = await copy.DataSource.OpenConnectionAsync(Cancellation);
        await using var elsewhere = await stranger.BeginTransactionAsync(Cancellation);
        await using (var use = stranger.CreateCommand())
        {
            use.CommandText = "LOCK TABLE disqualifications";
            await use.ExecuteNonQueryAsync(Cancellation);
        }

        var visitor = await VisitAsync();
        await visitor.SignInAsync("/admin");
        await Expect(visitor.Page.Locator(".advice")).ToContainTextAsync("1 migration is pending: apply it.");
        await visitor.FollowAsync("Review and apply");
        await Expect(visitor.Main).ToContainTextAsync("DeriveFromMovedDisqualifications");
        await visitor.Page.Locator("summary", new() { HasText = "SQL" }).First.ClickAsync();
        await Expect(visitor.Main).ToContainTextAsync("CREATE TRIGGER disqualifications_moved_from");
        await Expect(visitor.Page.GetByRole(AriaRole.Row, new() { Name = "disqualifications" }))
            .ToContainTextAsync("nobody");
        await visitor.LookAsync("migrations-pending");
        Assert.DoesNotContain(Refresh, await visitor.Page.ContentAsync(), StringComparison.Ordinal); // it is being read

        await using (var other = await site.Database.DataSource.OpenConnectionAsync(Cancellation))
        {
            await using var transaction = await other.BeginTransactionAsync(Cancellation);
            await using var hold = other.CreateCommand();
            hold.CommandText =
                "SET LOCAL application_name = 'a <b>report</b>'; LOCK TABLE disqualifications IN SHARE ROW EXCLUSIVE MODE";
            await hold.ExecuteNonQueryAsync(Cancellation);
            await visitor.ClickAsync("Apply 1 migration");
            await Expect(visitor.Main).ToContainTextAsync("Applying migration 1 of 1");
            await Expect(visitor.Main).ToContainTextAsync("Attempt");
            await Expect(visitor.Main).ToContainTextAsync("a <b>report</b> (pid");
            await visitor.LookAsync("migrations-running");
            await visitor.Page.ReloadAsync();
            Assert.Contains(Refresh, await visitor.Page.ContentAsync(), StringComparison.Ordinal);
        }

        await Expect(visitor.Page.Locator(".title .tag")).ToHaveTextAsync("current");
        await Expect(visitor.Page.GetByRole(AriaRole.Button, new() { Name = "Apply" })).ToHaveCountAsync(0);
        await visitor.LookAsync("migrations");
    }

    [Fact]
    public async Task Drift_is_shown_with_the_statement_that_restores_it()
    {
        await site.Database.ExecuteAsync(
            """
            ALTER TABLE challenges ALTER COLUMN description DROP NOT NULL;
            CREATE TABLE "<script>alert(3)</script>" (id int)
            """
        );
        var visitor = await VisitAsync();
        await visitor.SignInAsync("/admin/migrations");

        const string Fix = """ALTER TABLE "challenges" ALTER COLUMN "description" SET NOT NULL;""";
        await Expect(visitor.Page.Locator(".copy pre")).ToHaveTextAsync(Fix);
        await visitor.Page.Context.GrantPermissionsAsync(["clipboard-read", "clipboard-write"]);
        await visitor.ClickAsync("Copy");
        await Expect(visitor.Page.GetByRole(AriaRole.Button, new() { Name = "Copied" })).ToBeVisibleAsync();
        await visitor.LookAsync("migrations-drifted");
        var copied = await visitor.Page.EvaluateAsync<string>("navigator.clipboard.readText()");
        await visitor.Page.AddInitScriptAsync("delete Navigator.prototype.clipboard"); // as over plain HTTP
        await visitor.Page.ReloadAsync();
        await visitor.ClickAsync("Select");
        Assert.Equal(Fix, await visitor.Page.EvaluateAsync<string>("`${getSelection()}`.trim()"));
        await site.Database.ExecuteAsync($"""{copied} DROP TABLE "<script>alert(3)</script>" """);
        await visitor.Page.ReloadAsync();

        await Expect(visitor.Page.Locator(".title .tag")).ToHaveTextAsync("current");
    }

    [Fact]
    public async Task A_restore_shows_what_would_happen_and_asks_for_the_name_before_it_deletes()
    {
        await site.Database.ExecuteAsync(
            $"""
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            VALUES ('extra', {Quoted(Hostile)}, '', now(), 'ada') ON CONFLICT DO NOTHING;
            UPDATE challenges SET title = 'Changed by hand' WHERE id = (SELECT min(id) FROM challenges)
            """
        );
        var visitor = await VisitAsync();
        await visitor.SignInAsync("/admin/backups");
        await visitor.LookAsync("backups");
        await visitor.Page.CheckAsync("[value=replace]");
        await visitor.Page.SetInputFilesAsync(
            "[name=file]",
            new FilePayload
            {
                Name = $"{Hostile.Replace("/", "", StringComparison.Ordinal)}.json",
                MimeType = "application/json",
                Buffer = await File.ReadAllBytesAsync(ConsoleSite.SampleFile, Cancellation),
            }
        );
        await visitor.ClickAsync("Check the file");

        await Expect(visitor.Main).ToContainTextAsync("What would happen");
        await Expect(visitor.Main).ToContainTextAsync("Rows that are not in the file are deleted");
        var differences = visitor.Page.Locator("section", new() { Has = visitor.Page.Locator("#differences") });
        await Expect(differences.GetByRole(AriaRole.Row, new() { Name = "api.challenge" }).First)
            .ToContainTextAsync("removed");
        await Expect(differences).ToContainTextAsync(Hostile);
        await Expect(differences).ToContainTextAsync("title: Changed by hand");
        await Expect(differences).Not.ToContainTextAsync("pbkdf2");
        await visitor.LookAsync("restore-dry-run");

        visitor.Expect(422);
        await visitor.Page.GetByLabel("To confirm").FillAsync("another");
        await visitor.ClickAsync("Import it now");
        await Expect(visitor.Main).ToContainTextAsync("The name of the database is another one.");
        Assert.Equal(1, await site.Database.ScalarAsync<long>("SELECT count(*) FROM challenges WHERE title LIKE '<%'"));
        await visitor.LookAsync("error");
        await visitor.Page.GoBackAsync();
        await visitor.Page.GetByLabel("To confirm").FillAsync(site.Database.Name);
        await visitor.ClickAsync("Import it now");

        await Expect(visitor.Main).ToContainTextAsync("What has happened");
        await Expect(visitor.Main).ToContainTextAsync("In the database now");
        await visitor.LookAsync("restore-result");
        Assert.Equal(0, await site.Database.ScalarAsync<long>("SELECT count(*) FROM challenges WHERE title LIKE '<%'"));
    }

    [Fact]
    public async Task The_errors_of_a_file_are_a_table_that_can_be_downloaded_without_script()
    {
        var visitor = await VisitAsync(script: false);
        await visitor.SignInAsync("/admin/backups");
        await visitor.Page.SetInputFilesAsync(
            "[name=file]",
            new FilePayload
            {
                Name = "broken.json",
                MimeType = "application/json",
                Buffer = Encoding.UTF8.GetBytes(Broken),
            }
        );
        await visitor.ClickAsync("Check the file");

        await Expect(visitor.Page.Locator(".title .tag")).ToHaveTextAsync("failed"); // the page refreshes itself
        await Expect(visitor.Page.Locator("tbody tr")).ToHaveCountAsync(2);
        await Expect(visitor.Page.Locator("tbody tr").Last).ToContainTextAsync("api.score");
        var download = await visitor.Page.RunAndWaitForDownloadAsync(() => visitor.FollowAsync("Download them as CSV"));
        var lines = await File.ReadAllLinesAsync(await download.PathAsync(), Cancellation);
        Assert.Equal("line,model,pk,field,reason", lines[0]);
        Assert.StartsWith("3,api.score,7,emd_score,", lines[2], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_is_dropped_its_upload_cancelled_and_sent_again_and_its_errors_are_shown()
    {
        var folder = Directory.CreateTempSubdirectory("exact-dropped-").FullName;
        var file = Path.Combine(folder, "dropped.json");
        await File.WriteAllTextAsync(file, Broken.PadRight(16 << 20), Cancellation);
        var visitor = await VisitAsync();
        var page = visitor.Page;
        await visitor.SignInAsync("/admin/backups");
        var place = page.Locator(".drop");
        const string Count = "SELECT count(*) FROM operations WHERE kind = 'import'";
        var before = await site.Database.ScalarAsync<long>(Count);
        const string Last = "SELECT state || coalesce(': ' || error, '') FROM operations ORDER BY id DESC LIMIT 1";

        await visitor.DragAsync("dragEnter", place, file);
        await visitor.DragAsync("dragOver", place, file);
        await Expect(place).ToHaveCSSAsync("border-top-style", "solid"); // the colour alone is lost in forced colours
        await visitor.LookAsync("dragged");
        await visitor.DragAsync("drop", place, file);
        await Expect(place).ToHaveCSSAsync("border-top-style", "dashed");

        await visitor.LimitUploadsAsync(100_000);
        await visitor.ClickAsync("Check the file");
        await page.WaitForFunctionAsync("() => document.querySelector('#receiving progress').value > 0");
        await visitor.ClickAsync("Check the file"); // which sends it no second time
        await visitor.LookAsync("receiving");
        await visitor.ClickAsync("Cancel");
        await Expect(page.Locator("#receiving")).ToBeHiddenAsync();
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Check the file" })).ToBeFocusedAsync();
        await Wait.UntilAsync(
            async () =>
                await site.Database.ScalarAsync<string>(Last) is { } said
                && (
                    said.StartsWith("failed: The upload was cut off", StringComparison.Ordinal)
                    || said is "cancelled: The client disconnected."
                ),
            "the journal says that the upload was cut off"
        );
        await visitor.LimitUploadsAsync(-1);
        await visitor.ClickAsync("Check the file");

        await Expect(visitor.Page.Locator(".title .tag")).ToHaveTextAsync("failed");
        await Expect(visitor.Page.Locator("tbody tr")).ToHaveCountAsync(2);
        await visitor.LookAsync("errors");
        Assert.Equal(before + 2, await site.Database.ScalarAsync<long>(Count));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_fixture_is_downloaded_with_all_that_is_in_the_database()
    {
        var visitor = await VisitAsync();
        await visitor.SignInAsync("/admin/backups");

        var download = await visitor.Page.RunAndWaitForDownloadAsync(() => visitor.FollowAsync("Download a fixture"));

        await using var file = File.OpenRead(await download.PathAsync());
        using var fixture = await JsonDocument.ParseAsync(file, default, Cancellation);
        Assert.EndsWith(".json", download.SuggestedFilename);
        Assert.Equal(
            await site.Database.ScalarAsync<long>("SELECT count(*) FROM scores"),
            fixture.RootElement.EnumerateArray().Count(one => one.GetProperty("model").GetString() is "api.score")
        );
    }

    [Fact]
    public async Task A_run_that_is_stuck_says_so_by_itself_and_goes_on_when_its_session_has_ended()
    {
        await using var session = new NpgsqlConnection($"{site.Database.ConnectionString};Pooling=false");
        await session.OpenAsync(Cancellation);
        await using var held = await MigrationLock.AcquireAsync(
            session,
            Wait.Limit,
            TimeProvider.System,
            cancellationToken: Cancellation
        );
        var visitor = await VisitAsync();
        await visitor.SignInAsync("/admin/migrations");
        await Expect(visitor.Main).ToContainTextAsync($"a session (pid {session.ProcessID}");

        await Expect(visitor.Page.GetByRole(AriaRole.Alert))
            .ToContainTextAsync("This run is stuck. The session that holds the migration lock has been idle for");
        await visitor.LookAsync("migrations-stuck");
        await session.CloseAsync();

        await Expect(visitor.Page.GetByRole(AriaRole.Alert)).ToHaveCountAsync(0);
        await Expect(visitor.Main).Not.ToContainTextAsync("Lock holder");
    }

    [Fact]
    public async Task A_running_operation_is_followed_and_cancelled_at_its_own_address()
    {
        await using var owner = await site.Database.DataSource.OpenConnectionAsync(Cancellation);
        await using var life = await owner.BeginTransactionAsync(Cancellation);
        await using (var share = owner.CreateCommand())
        {
            share.CommandText = OperationLock.Share(9000, owner);
            await share.ExecuteNonQueryAsync(Cancellation);
        }

        await site.Database.ExecuteAsync(
            $$"""
            INSERT INTO operations (id, kind, actor, origin, started_at, state, progress)
            VALUES (9000, 'import', {{Quoted(Hostile)}}, {{Quoted(Hostile)}}, now(), 'running',
                '{"phase": "reading", "bytes": 4096, "records": 12, "models": {} }')
            """
        );
        var visitor = await VisitAsync();
        await FailOnceAsync("**/9000/events", route => route.FulfillAsync(new() { Status = 503 }));
        await visitor.SignInAsync("/admin/operations/9000");
        await Expect(visitor.Main).ToContainTextAsync("Reading: 12 records");
        await Expect(visitor.Main).ToContainTextAsync(Hostile);
        await visitor.LookAsync("operation-running");
        visitor.Expect(503);
        visitor.ExpectLoss();
        await FailOnceAsync("**/9000", route => route.AbortAsync());
        await site.Database.ExecuteAsync(
            """
            UPDATE operations SET progress = '{"phase": "merging", "bytes": 8192, "records": 34, "models": {}}'
            WHERE id = 9000
            """
        );
        await Expect(visitor.Main).ToContainTextAsync("Merging: 34 records");
        await visitor.ClickAsync("Cancel the import");
        await Expect(visitor.Main).ToContainTextAsync("Cancelled by admin-key.");
        await site.Database.ExecuteAsync(
            "UPDATE operations SET state = 'cancelled', finished_at = now() WHERE id = 9000"
        );

        await Expect(visitor.Page.Locator(".title .tag")).ToHaveTextAsync("cancelled");
        await Expect(visitor.Page.GetByRole(AriaRole.Button, new() { Name = "Cancel the import" })).ToHaveCountAsync(0);
        await visitor.FollowAsync("Operations");
        await visitor.FollowAsync("Standings");
        await visitor.FollowAsync("Imports");
        await visitor.FollowAsync("Cancelled");
        await Expect(visitor.Page.Locator("tbody tr")).ToHaveCountAsync(1);
        await visitor.FollowAsync("Any state");
        await Expect(visitor.Main).ToContainTextAsync("backups, and changes of challenges");
        await visitor.LookAsync("operations");
        visitor.Expect(404);
        await visitor.Page.GotoAsync("/admin/operations/123456");
        await Expect(visitor.Main).ToContainTextAsync("There is no such page.");

        await site.Database.ExecuteAsync("UPDATE operations SET state = 'running', finished_at = NULL WHERE id = 9000");
        visitor.Expect(502);
        await FailOnceAsync("**/9000/events", route => route.FulfillAsync(new() { Status = 502 }));
        await visitor.Page.GotoAsync("/admin/operations/9000");
        await visitor.Page.Context.ClearCookiesAsync(new() { Name = "exact_console" });
        await Expect(visitor.Page.GetByRole(AriaRole.Heading, new() { Name = "Sign in", Exact = true }))
            .ToBeVisibleAsync();
        await site.Database.ExecuteAsync("DELETE FROM operations WHERE id = 9000");

        Task FailOnceAsync(string address, Func<IRoute, Task> fail) =>
            visitor.Page.RouteAsync(address, fail, new() { Times = 1 });
    }

    [Fact]
    public async Task Everything_can_be_done_by_keyboard()
    {
        var visitor = await VisitAsync();
        var (page, keyboard) = (visitor.Page, visitor.Page.Keyboard);
        page.FileChooser += (_, _) => { }; // so that Playwright catches it long before it opens
        visitor.Expect(401);
        await page.GotoAsync("/admin");
        await keyboard.TypeAsync(ExactApp.AdminKey); // the field has the focus
        await keyboard.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Overview" })).ToBeVisibleAsync();

        await visitor.ReachAsync("Skip to the content");
        await keyboard.PressAsync("Enter");
        await Expect(visitor.Main).ToBeFocusedAsync();
        await page.ReloadAsync();
        await visitor.ReachAsync("Migrations");
        await keyboard.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Migrations" })).ToBeVisibleAsync();
        await visitor.ReachAsync("Initial");
        await keyboard.PressAsync("Space");
        await Expect(page.Locator("details[open] pre")).ToBeVisibleAsync();

        await page.ReloadAsync();
        await visitor.ReachAsync("Backups");
        await keyboard.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Restore a file" })).ToBeVisibleAsync();
        await visitor.ReachAsync("Merge");
        await keyboard.PressAsync("ArrowDown");
        await Expect(page.Locator("input[value=skip]")).ToBeCheckedAsync();
        await visitor.ReachAsync("More options");
        await keyboard.PressAsync("Enter");
        await visitor.ReachAsync("Choose a file, or drop it here");
        var chooser = await page.RunAndWaitForFileChooserAsync(() => keyboard.PressAsync("Enter"));
        await chooser.SetFilesAsync(ConsoleSite.SampleFile);
        await visitor.ReachAsync("Check the file");
        await keyboard.PressAsync("Enter");
        await Expect(visitor.Main).ToContainTextAsync("What would happen");
        await visitor.ReachAsync("Import it now");
        await keyboard.PressAsync("Enter");
        await Expect(visitor.Main).ToContainTextAsync("What has happened");

        await visitor.ReachAsync("Sign out");
        await keyboard.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Sign in", Exact = true })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task The_first_page_is_for_people_in_a_browser_and_JSON_for_programs()
    {
        await site.Database.ExecuteAsync(
            $"""
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            VALUES ('a b/c', {Quoted(Hostile)}, '', now(), {Quoted(Hostile[..40])}) ON CONFLICT DO NOTHING
            """
        );
        var visitor = await VisitAsync();
        await visitor.Page.GotoAsync("/");
        await Expect(visitor.Main).ToContainTextAsync("Ready");
        await Expect(visitor.Main).ToContainTextAsync(Hostile);
        await visitor.LookAsync("home");
        await site.Database.ExecuteAsync("DELETE FROM challenges WHERE challenge_id = 'a b/c'");
        await visitor.FollowAsync("Documentation");
        await Expect(visitor.Page.Locator("h1")).ToHaveTextAsync("Exact");
        await visitor.FollowAsync("The console");
        await Expect(visitor.Page.Locator("h1")).ToHaveTextAsync("The console");
        await visitor.LookAsync("documentation");

        using var program = site.CreateClient();
        using var answer = await program.GetAsync("/", Cancellation);
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.MediaType);
        Assert.True(json.RootElement.GetProperty("ready").GetBoolean());
        Assert.Equal("/admin", json.RootElement.GetProperty("links").GetProperty("console").GetString());
        Assert.NotEmpty(json.RootElement.GetProperty("challenges").EnumerateArray());
    }

    [Fact]
    public async Task A_browser_waits_on_a_calm_page_that_becomes_the_one_it_asked_for()
    {
        await using var waiting = new ConsoleSite(new TestDatabase(), ("Migrations:OnStartup", "Check"));
        await waiting.Database.InitializeAsync();
        using var admin = waiting.CreateAdmin();
        var visitor = await VisitAsync(waiting.Address);
        visitor.Expect(503);
        await visitor.Page.GotoAsync("/");
        await Expect(visitor.Main).ToContainTextAsync("waiting for someone to migrate");
        await visitor.LookAsync("calm");
        using (var browser = new HttpRequestMessage(HttpMethod.Get, "/api/challenges"))
        {
            browser.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/html"));
            using var page = await admin.SendAsync(browser, Cancellation);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, page.StatusCode);
            Assert.Equal("text/html", page.Content.Headers.ContentType?.MediaType);
        }

        using var answer = await admin.PostAsync("/api/admin/migrations", null, Cancellation);

        answer.EnsureSuccessStatusCode();
        await Expect(visitor.Page.GetByRole(AriaRole.Link, new() { Name = "Documentation" }).First).ToBeVisibleAsync();
        await Expect(visitor.Page).ToHaveURLAsync($"{waiting.Address}/");
        await visitor.LeaveAsync(); // before its service ends
    }

    [Fact]
    public async Task A_service_that_waits_for_its_migrations_is_migrated_in_the_browser()
    {
        await using var waiting = new ConsoleSite(new TestDatabase(), ("Migrations:OnStartup", "Check"));
        await waiting.Database.InitializeAsync();
        await waiting.Database.MigrateToFirstAsync();
        await waiting.Database.ExecuteAsync(
            """
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            VALUES ('c1', 'kept', '', now(), 'ada')
            """
        );
        using var server = waiting.CreateClient();
        var visitor = await VisitAsync(waiting.Address);
        visitor.Expect(503);
        visitor.Expect(401);
        visitor.Expect(422);
        await visitor.Page.GotoAsync("/");
        await visitor.FollowAsync("the console");
        await Expect(visitor.Main).ToContainTextAsync("waiting for someone to migrate");
        await Expect(visitor.Main).ToContainTextAsync("Until the service is ready, only the admin key");
        await Expect(visitor.Page.GetByLabel("User name")).ToHaveCountAsync(0);
        await visitor.LookAsync("sign-in-before-migrations");
        await visitor.SignInAsync("/admin", "not the key at all");
        await Expect(visitor.Main).ToContainTextAsync("This is not the admin key.");

        await visitor.SignInAsync("/admin");
        await Expect(visitor.Page.Locator(".advice")).ToContainTextAsync("migrations are pending: apply them.");
        await visitor.LookAsync("overview-before-migrations");
        var cookie = (await visitor.Page.Context.CookiesAsync()).Single(one => one.Name == "exact_console");
        Assert.True(cookie.HttpOnly);
        Assert.Equal(SameSiteAttribute.Strict, cookie.SameSite);
        await visitor.FollowAsync("Operations");
        await Expect(visitor.Main).ToContainTextAsync("This page becomes the one that you asked for");
        await visitor.FollowAsync("To the migrations");
        await Expect(visitor.Main).ToContainTextAsync("AddThePlatform");
        await Expect(visitor.Page.GetByRole(AriaRole.Row, new() { Name = "scores" }).First)
            .ToContainTextAsync("SHARE UPDATE EXCLUSIVE");
        await using (var reader = await waiting.Database.DataSource.OpenConnectionAsync(Cancellation))
        {
            await using var transaction = await reader.BeginTransactionAsync(Cancellation);
            await using var hold = reader.CreateCommand();
            hold.CommandText = "LOCK TABLE scores IN SHARE MODE";
            await hold.ExecuteNonQueryAsync(Cancellation);
            await visitor.Page.GetByRole(AriaRole.Button, new() { Name = "Apply" }).ClickAsync();
            await Expect(visitor.Main).ToContainTextAsync("the table scores, for");
            await Expect(visitor.Main).ToContainTextAsync("Applying migration");
            await visitor.LookAsync("migrations-running-before-ready");
        }

        await Expect(visitor.Page.Locator(".title .tag")).ToHaveTextAsync("current");
        await Expect(visitor.Page.Locator("#now")).ToHaveCountAsync(0); // the service has noticed
        await visitor.FollowAsync("Overview");
        await Expect(visitor.Main).ToContainTextAsync("Last backup"); // without another sign-in
        await Expect(visitor.Page.Locator(".who")).ToContainTextAsync("admin-key");
        await visitor.FollowAsync("Operations");
        await Expect(visitor.Main).ToContainTextAsync("succeeded");
        await visitor.ClickAsync("Sign out");
        await Expect(visitor.Page.GetByLabel("User name")).ToBeVisibleAsync();
        await visitor.LeaveAsync(); // before its service ends
    }

    private async Task<Visitor> VisitAsync(string? address = null, bool script = true)
    {
        Assert.SkipUnless(File.Exists(ConsoleSite.Chromium), "needs Debian's chromium");
        var visitor = await site.VisitAsync(address ?? site.Address, script);
        visitors.Add(visitor);
        return visitor;
    }

    private static string Quoted(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";
}
