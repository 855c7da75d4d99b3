using System.Net.Http.Json;
using System.Text.Json;
using Exact.Tests.Accounts;
using static Exact.Tests.Challenges.ChallengeForms;

namespace Exact.Tests.Challenges;

/// <summary>Organisers publish, change and delete challenges.</summary>
public sealed class ChallengeEditTests(AccountsApp app) : IClassFixture<AccountsApp>, IAsyncLifetime
{
    private HttpClient ada = null!;
    private string adasName = "";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        adasName = await app.RegisterAsync();
        ada = await app.SignInAsync(adasName);
    }

    public ValueTask DisposeAsync()
    {
        ada.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_challenge_is_created_with_its_rules_and_its_times_in_UTC()
    {
        using var form = Form(
            ("title", " Größe 🎯 "),
            ("description", "line\nline"),
            ("opens_on", "2026-12-01T10:00:00.123456+02:00"),
            ("closes_on", "2031-01-01T00:00:00"),
            ("daily_limit", "5"),
            ("accepted_types", "py, .ZIP,tar.gz"),
            ("hides_scores", "on"),
            ("rules", """{"total_limit": 50}""")
        );

        var challenge = await GetAsync(await ada.CreateAsync(form));

        Assert.Equal("Größe 🎯", challenge.GetProperty("title").GetString());
        Assert.Equal(adasName, challenge.GetProperty("created_by").GetString());
        Assert.Equal("2026-12-01T08:00:00.123456Z", challenge.GetProperty("opens_on").GetString());
        Assert.Equal("2031-01-01T00:00:00Z", challenge.GetProperty("closes_on").GetString());
        Assert.Equal(
            """{"daily_limit":5,"total_limit":50,"max_bytes":null,"accepted_types":[".py",".zip",".tar.gz"],"hides_scores":true}""",
            challenge.GetProperty("rules").GetRawText()
        );
    }

    [Theory]
    [InlineData("title", "", "title")]
    [InlineData("title", "{101}", "title")]
    [InlineData("title", "a\nb", "title")]
    [InlineData("challenge_id", "a/b", "challenge_id")]
    [InlineData("challenge_id", "..", "challenge_id")]
    [InlineData("challenge_id", "größe", "challenge_id")]
    [InlineData("closes_on", "2020-01-01T00:00:00Z", "closes_on")]
    [InlineData("closes_on", "tomorrow", "closes_on")]
    [InlineData("closes_on", "9999-12-31T23:59:59-23:00", "closes_on")]
    [InlineData("daily_limit", "0", "daily_limit")]
    [InlineData("daily_limit", "many", "daily_limit")]
    [InlineData("max_bytes", "99999999999999999999", "max_bytes")]
    [InlineData("accepted_types", "a b", "accepted_types")]
    [InlineData("hides_scores", "perhaps", "hides_scores")]
    [InlineData("rules", "[]", "rules")]
    [InlineData("rules", """{"limit": 1}""", "limit")]
    [InlineData("colour", "red", "colour")]
    [InlineData("opens_on", "twice", "opens_on")]
    public async Task A_wrong_field_is_refused_and_named(string field, string value, string named)
    {
        var fields = new List<(string, string)> { ("opens_on", "2026-12-01T10:00:00Z") };
        fields.Add((field, value is "{101}" ? new string('x', 101) : value));
        if (field is not "title")
        {
            fields.Add(("title", "t"));
        }

        using var form = Form([.. fields]).With("dataset", "data");

        var (status, body) = await ada.SendAsync("POST", "/api/challenges", form);

        Assert.Equal(400, status);
        Assert.Contains(named, body, StringComparison.Ordinal);
        await AssertNoFilesAsync();
    }

    [Fact]
    public async Task A_field_after_a_file_is_refused()
    {
        using var form = Form(("title", "t")).With("dataset", "data");
        form.Add(new StringContent("late"), "description");

        var (status, body) = await ada.SendAsync("POST", "/api/challenges", form);

        Assert.Equal(400, status);
        Assert.Contains("The field description comes after a file. Send all fields before the files.", body);
        await AssertNoFilesAsync();
    }

    [Fact]
    public async Task A_body_that_is_no_form_is_refused()
    {
        var (status, body) = await ada.SendAsync("POST", "/api/challenges", Json("""{"title": "t"}"""));

        Assert.Equal(415, status);
        Assert.Contains("Content-Type must be multipart/form-data.", body);
    }

    [Fact]
    public async Task Of_20_challenges_with_one_name_one_is_created_and_leaves_one_file()
    {
        var answers = await Task.WhenAll(
            Enumerable
                .Range(0, 20)
                .Select(async n =>
                {
                    using var form = Form(("challenge_id", "race"), ("title", $"{n}")).With("dataset", $"data {n}");
                    return (await ada.SendAsync("POST", "/api/challenges", form)).Status;
                })
        );

        Assert.Single(answers, 201);
        Assert.Equal(19, answers.Count(status => status == 409));
        Assert.Single(Directory.EnumerateFiles(app.Files, "*", SearchOption.AllDirectories));
        Assert.Equal(204, (await ada.SendAsync("DELETE", "/api/challenges/race")).Status);
        await AssertNoFilesAsync();
    }

    [Fact]
    public async Task A_patch_changes_what_it_names_and_nothing_else()
    {
        using var form = Form(("title", "t"), ("description", "d"), ("daily_limit", "5"), ("total_limit", "9"));
        var id = await ada.CreateAsync(form);

        var (status, body) = await ada.SendAsync(
            "PATCH",
            $"/api/challenges/{id}",
            Json("""{"title": "new", "closes_on": "2020-05-01T12:00:00+02:00", "rules": {"daily_limit": null}}""")
        );

        Assert.Equal(200, status);
        var challenge = JsonElement.Parse(body);
        Assert.Equal("new", challenge.GetProperty("title").GetString());
        Assert.Equal("d", challenge.GetProperty("description").GetString());
        Assert.Equal("2020-05-01T10:00:00Z", challenge.GetProperty("closes_on").GetString());
        Assert.Equal("closed", challenge.GetProperty("state").GetString());
        Assert.Equal(JsonValueKind.Null, challenge.GetProperty("rules").GetProperty("daily_limit").ValueKind);
        Assert.Equal(9, challenge.GetProperty("rules").GetProperty("total_limit").GetInt32());
        (_, body) = await ada.SendAsync(
            "PATCH",
            $"/api/challenges/{id}",
            Json("""{"rules": null, "closes_on": null}""")
        );
        Assert.Equal(JsonValueKind.Null, JsonElement.Parse(body).GetProperty("rules").ValueKind);
        Assert.Equal("open", JsonElement.Parse(body).GetProperty("state").GetString());
    }

    [Theory]
    [InlineData("""{"title": null}""", 400)]
    [InlineData("""{"title": 5}""", 400)]
    [InlineData("""{"challenge_id": "other"}""", 400)]
    [InlineData("""{"created_by": "eve"}""", 400)]
    [InlineData("""{"rules": {"daily_limit": -1}}""", 400)]
    [InlineData("""{"rules": 5}""", 400)]
    [InlineData("""{"closes_on": 5}""", 400)]
    [InlineData("[]", 400)]
    [InlineData("5", 400)]
    [InlineData("null", 400)]
    [InlineData("{", 400)]
    [InlineData("{}", 200)]
    public async Task A_wrong_patch_is_refused(string patch, int expected)
    {
        using var form = Form(("title", "t"));
        var id = await ada.CreateAsync(form);

        var (status, body) = await ada.SendAsync("PATCH", $"/api/challenges/{id}", Json(patch));

        Assert.True(expected == status, $"{status} {body}");
        Assert.Equal("t", (await GetAsync(id)).GetProperty("title").GetString());
    }

    [Fact]
    public async Task Only_the_organiser_and_the_staff_change_and_delete_a_challenge()
    {
        using var form = Form(("title", "t"));
        var id = await ada.CreateAsync(form);
        using var other = await app.SignInAsync(await app.RegisterAsync());
        using var staff = await app.SignInAsync(await app.RegisterAsync(isStaff: true));

        Assert.Equal(403, (await other.SendAsync("PATCH", $"/api/challenges/{id}", Json("{}"))).Status);
        Assert.Equal(403, (await other.SendAsync("POST", $"/api/challenges/{id}/close")).Status);
        Assert.Equal(403, (await other.SendAsync("DELETE", $"/api/challenges/{id}")).Status);
        Assert.Equal(404, (await other.SendAsync("DELETE", "/api/challenges/nobody")).Status);
        Assert.Equal(200, (await staff.SendAsync("PATCH", $"/api/challenges/{id}", Json("{}"))).Status);
        Assert.Equal(204, (await staff.SendAsync("DELETE", $"/api/challenges/{id}")).Status);
        Assert.Equal(404, (await ada.SendAsync("GET", $"/api/challenges/{id}")).Status);
    }

    [Fact]
    public async Task An_imported_account_with_the_name_of_the_key_owns_nothing_of_the_key()
    {
        using var key = app.CreateAdmin();
        using var form = Form(("title", "t"), ("hides_scores", "true"));
        var id = await key.CreateAsync(form);
        await app.Database.ExecuteAsync(
            $"""
            INSERT INTO scores (username, challenge_id, created_at, status, emd_score)
            VALUES ('bob', '{id}', now(), 'completed', 1)
            """
        );
        var name = await app.RegisterAsync();
        await app.Database.ExecuteAsync(
            $"""
            UPDATE users SET username = 'admin-key', normalized_username = 'admin-key' WHERE username = '{name}'
            """
        );
        using var impostor = await app.SignInAsync("admin-key");

        Assert.Equal(403, (await impostor.SendAsync("PATCH", $"/api/challenges/{id}", Json("{}"))).Status);
        Assert.Equal(403, (await impostor.SendAsync("DELETE", $"/api/challenges/{id}")).Status);
        Assert.Contains("bob", (await key.SendAsync("GET", $"/api/challenges/{id}/leaderboard")).Body);
        Assert.DoesNotContain("bob", (await impostor.SendAsync("GET", $"/api/challenges/{id}/leaderboard")).Body);
        Assert.DoesNotContain("bob", (await impostor.SendAsync("GET", $"/api/challenges/{id}/scores")).Body);
        await app.Database.ExecuteAsync("DELETE FROM users WHERE username = 'admin-key'");
        Assert.Equal(204, (await key.SendAsync("DELETE", $"/api/challenges/{id}")).Status);
    }

    [Theory]
    [InlineData("""{"title": "a", "title": "b"}""", "It names a field twice.")]
    [InlineData("""{"title": "\ud800"}""", "an incomplete Unicode character")]
    [InlineData("""{"title": 5}""", "title must be a string of complete Unicode characters.")]
    [InlineData("""{"closes_on": "tomorrow"}""", "closes_on must be a time such as 2031-01-01T00:00:00Z.")]
    [InlineData("""{"rules": 5}""", "rules must be a JSON object.")]
    [InlineData("""{"rules": {"daily_limit": "abc"}}""", "rules.daily_limit must be a whole number")]
    [InlineData("""{"rules": {"hides_scores": "maybe"}}""", "rules.hides_scores must be true or false.")]
    [InlineData("""{"rules": {"accepted_types": 5}}""", "rules.accepted_types must be a list.")]
    [InlineData("""{"rules": {"daily_limit": 0}}""", "daily_limit must be at least 1.")]
    [InlineData("""{"rules": {"limit": 1}}""", "There is no field limit. The fields are daily_limit,")]
    [InlineData("""{"colour": 1}""", "There is no field colour.")]
    [InlineData("[]", "It must be a JSON object with the fields to change.")]
    public async Task A_refused_patch_says_what_to_send(string patch, string expected)
    {
        using var form = Form(("title", "t"));
        var id = await ada.CreateAsync(form);

        var (status, body) = await ada.SendAsync("PATCH", $"/api/challenges/{id}", Json(patch));

        Assert.Equal(400, status);
        Assert.Contains(expected, body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/api/challenges/x", "There is no challenge \\\"x\\\".")]
    [InlineData("/api/submissions/99", "There is no submission \\\"99\\\".")]
    [InlineData("/api/nothing", "There is no such address.")]
    public async Task What_is_not_there_is_named(string path, string expected)
    {
        var (status, body) = await ada.SendAsync("GET", path);

        Assert.Equal(404, status);
        Assert.Contains(expected, body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Somebody_elses_submission_is_refused_with_the_reason()
    {
        using var form = Form(("title", "t"));
        var id = await ada.CreateAsync(form);
        using var other = await app.SignInAsync(await app.RegisterAsync());

        var (status, body) = await other.SendAsync("GET", $"/api/challenges/{id}/submissions?username=bob");

        Assert.Equal(403, status);
        Assert.Contains("It belongs to somebody else.", body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_challenge_that_was_closed_before_it_opened_can_be_changed()
    {
        using var form = Form(("title", "t"), ("opens_on", "2098-01-01T00:00:00Z"));
        var id = await ada.CreateAsync(form);
        Assert.Equal(200, (await ada.SendAsync("POST", $"/api/challenges/{id}/close")).Status);

        var (status, body) = await ada.SendAsync("PATCH", $"/api/challenges/{id}", Json("""{"title": "new"}"""));

        Assert.True(status == 200, body);
        Assert.Equal("new", (await GetAsync(id)).GetProperty("title").GetString());
    }

    [Fact]
    public async Task Closing_takes_the_time_of_the_database_once()
    {
        using var form = Form(("title", "t"), ("closes_on", "2099-01-01T00:00:00Z"));
        var id = await ada.CreateAsync(form);
        var before = await app.Database.ScalarAsync<DateTime>("SELECT now()");

        var (_, first) = await ada.SendAsync("POST", $"/api/challenges/{id}/close");
        var (_, second) = await ada.SendAsync("POST", $"/api/challenges/{id}/close");

        var closed = JsonElement.Parse(first).GetProperty("closes_on").GetDateTimeOffset();
        Assert.InRange(closed, before, await app.Database.ScalarAsync<DateTime>("SELECT now()"));
        Assert.Equal("closed", JsonElement.Parse(first).GetProperty("state").GetString());
        Assert.Equal(closed, JsonElement.Parse(second).GetProperty("closes_on").GetDateTimeOffset());
    }

    [Fact]
    public async Task Deleting_a_challenge_deletes_its_scores_submissions_and_files()
    {
        using var form = Form(("title", "t")).With("dataset", "data").With("mlmodel", "model").With("xaimethod", "xai");
        var id = await ada.CreateAsync(form);
        var submitted = Path.Combine(app.Files, "aa", "submitted");
        Directory.CreateDirectory(Path.GetDirectoryName(submitted)!);
        await File.WriteAllTextAsync(submitted, "x", Cancellation);
        await app.Database.ExecuteAsync(
            $"""
            INSERT INTO stored_files (key, original_name, content_type, size, sha256, created_at, created_by)
            VALUES ('aa/submitted', 'x', 'text/plain', 1, '{new string('0', 64)}', now(), 'bob');
            WITH score AS (
                INSERT INTO scores (username, challenge_id, created_at, status) VALUES ('bob', '{id}', now(), 'pending')
                RETURNING id
            )
            INSERT INTO submissions (score_id, file, size, sha256, original_name, attempts, counts, queued_at)
            SELECT id, 'aa/submitted', 1, '', 'x', 0, true, now() FROM score
            """
        );

        Assert.Equal(204, (await ada.SendAsync("DELETE", $"/api/challenges/{id}")).Status);

        await AssertNoFilesAsync();
        Assert.Equal(0, await app.Database.ScalarAsync<long>("SELECT count(*) FROM submissions"));
    }

    private async Task<JsonElement> GetAsync(string id) =>
        await ada.GetFromJsonAsync<JsonElement>($"/api/challenges/{id}", Cancellation);

    private async Task AssertNoFilesAsync()
    {
        Assert.Empty(Directory.EnumerateFiles(app.Files, "*", SearchOption.AllDirectories));
        Assert.Equal(0, await app.Database.ScalarAsync<long>("SELECT count(*) FROM stored_files"));
    }
}
