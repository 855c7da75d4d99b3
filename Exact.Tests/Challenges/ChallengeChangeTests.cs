using System.Net.Http.Json;
using System.Text.Json;
using Exact.Tests.Submissions;
using static Exact.Tests.Challenges.ChallengeForms;

namespace Exact.Tests.Challenges;

/// <summary>What organisers and staff do to a challenge that exists.</summary>
public sealed class ChallengeChangeTests(SubmissionsApp app) : IClassFixture<SubmissionsApp>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("dataset")]
    [InlineData("mlmodel")]
    [InlineData("xaimethod")]
    public async Task The_owner_and_staff_replace_a_file_and_the_old_one_is_deleted(string kind)
    {
        using var form = Form(("title", "t")).With(kind, "old");
        var path = $"/api/challenges/{await app.Ada.CreateAsync(form)}";
        var old = await KeyAsync(path, kind);

        Assert.Equal(401, (await ReplaceAsync(app.CreateClient(), $"{path}/{kind}", "no")).Status);
        Assert.Equal(403, (await ReplaceAsync(app.Bob, $"{path}/{kind}", "no")).Status);
        Assert.Equal(404, (await ReplaceAsync(app.Ada, $"/api/challenges/nothing/{kind}", "no")).Status);
        var (status, body) = await ReplaceAsync(app.Ada, $"{path}/{kind}", "new");
        Assert.Equal("new", await app.Bob.GetStringAsync($"{path}/{kind}", Cancellation));
        Assert.Equal(200, (await ReplaceAsync(app.Admin, $"{path}/{kind}", "newer")).Status);

        Assert.True(status == 200, body);
        Assert.Equal("file.txt", JsonElement.Parse(body).GetProperty("files")[0].GetProperty("name").GetString());
        Assert.Equal("newer", await app.Bob.GetStringAsync($"{path}/{kind}", Cancellation));
        Assert.NotEqual(old, await KeyAsync(path, kind));
        Assert.Equal(0, await app.Database.ScalarAsync<long>($"SELECT count(*) FROM stored_files WHERE key = '{old}'"));
        Assert.Equal(
            $"ada:create ada:replace_{kind}:{old} admin-key:replace_{kind}",
            await app.Database.ScalarAsync<string>(
                $"""
                SELECT string_agg(concat_ws(':', actor, figures->>'action',
                    CASE WHEN actor = 'ada' THEN figures->'before'->>'{kind}' END), ' ' ORDER BY id)
                FROM operations WHERE kind = 'challenge' AND figures->>'challenge_id' = '{path.Split('/')[^1]}'
                """
            )
        );
    }

    [Fact]
    public async Task A_replacement_without_a_file_or_with_more_is_refused_and_changes_nothing()
    {
        using var form = Form(("title", "t")).With("dataset", "old");
        var path = $"/api/challenges/{await app.Ada.CreateAsync(form)}";
        using var empty = new StringContent("--b--\r\n"); // as a browser sends a form without fields
        empty.Headers.ContentType = new("multipart/form-data") { Parameters = { new("boundary", "b") } };
        using var more = Form(("title", "t")).With("file", "new");
        using var two = Form().With("file", "new").With("another", "new");

        var (missing, why) = await app.Ada.SendAsync("PUT", $"{path}/dataset", empty);
        Assert.Equal((400, 400), (missing, (await app.Ada.SendAsync("PUT", $"{path}/dataset", more)).Status));
        Assert.Equal(400, (await app.Ada.SendAsync("PUT", $"{path}/dataset", two)).Status);

        Assert.Contains("The file is missing. Send it as the part file.", why);
        Assert.Equal("old", await app.Bob.GetStringAsync($"{path}/dataset", Cancellation));
    }

    [Fact]
    public async Task Changes_and_deletions_are_journalled_with_before_and_after()
    {
        using var form = Form(("title", "First"));
        var name = await app.Ada.CreateAsync(form);
        var path = $"/api/challenges/{name}";

        Assert.Equal(200, (await app.Ada.SendAsync("PATCH", path, Json("""{"title": "Second"}"""))).Status);
        Assert.Equal(200, (await app.Admin.SendAsync("POST", $"{path}/close")).Status);
        Assert.Equal(200, (await app.Admin.SendAsync("POST", $"{path}/close")).Status); // it is closed already
        Assert.Equal(403, (await app.Bob.SendAsync("DELETE", path)).Status);
        Assert.Equal(204, (await app.Admin.SendAsync("DELETE", path)).Status);

        Assert.Equal(
            "ada create />First/open, ada change First/open>Second/open, "
                + "admin-key close Second/open>Second/closed, admin-key delete Second/closed>/",
            await app.Database.ScalarAsync<string>(
                $"""
                SELECT string_agg(format('%s %s %s/%s>%s/%s', actor, figures->>'action',
                    figures->'before'->>'title', figures->'before'->>'state',
                    figures->'after'->>'title', figures->'after'->>'state'), ', ' ORDER BY id)
                FROM operations WHERE kind = 'challenge' AND figures->>'challenge_id' = '{name}'
                """
            )
        );
        var journal = await app.Admin.GetStringAsync("/api/admin/operations", Cancellation);
        Assert.Contains("\"kind\":\"challenge\"", journal);
    }

    [Theory]
    [InlineData("title = ''", """{"description": "new"}""", 200)]
    [InlineData("title = E'two\\nlines'", """{"closes_on": "2099-01-01T00:00:00Z"}""", 200)]
    [InlineData("title = ''", """{"title": "two\nlines"}""", 400)]
    [InlineData("title = ''", """{"closes_on": "2000-01-01T00:00:00Z"}""", 400)]
    public async Task A_change_leaves_imported_values_alone_that_todays_rules_refuse(
        string imported,
        string patch,
        int expected
    )
    {
        var name = await app.ChallengeAsync("opens_on='2020-01-01Z'");
        await app.Database.ExecuteAsync($"UPDATE challenges SET {imported} WHERE challenge_id = '{name}'");

        var (status, body) = await app.Ada.SendAsync("PATCH", $"/api/challenges/{name}", Json(patch));

        Assert.True(status == expected, body);
    }

    [Fact]
    public async Task Scores_are_hidden_from_other_participants_until_the_close()
    {
        var name = await app.ChallengeAsync("hides_scores=true");
        await app.Database.ExecuteAsync(
            $"""
            INSERT INTO scores (username, challenge_id, score, emd_score, created_at, status)
            VALUES ('bob', '{name}', 1, 1, now(), 'completed'), ('eve', '{name}', 2, 2, now(), 'completed')
            """
        );

        Assert.Equal(("bob", ""), await SeesAsync(app.Bob, name));
        Assert.Equal(("", ""), await SeesAsync(app.CreateClient(), name));
        Assert.Equal(("eve bob", "eve bob"), await SeesAsync(app.Ada, name));
        Assert.Equal(("eve bob", "eve bob"), await SeesAsync(app.Admin, name));
        Assert.Equal(200, (await app.Ada.SendAsync("POST", $"/api/challenges/{name}/close")).Status);
        Assert.Equal(("eve bob", "eve bob"), await SeesAsync(app.Bob, name));
        Assert.Equal(("eve bob", "eve bob"), await SeesAsync(app.CreateClient(), name));
    }

    [Fact]
    public async Task Around_me_is_the_page_with_the_caller_and_lists_say_what_is_disqualified()
    {
        var name = await app.ChallengeAsync();
        await app.Database.ExecuteAsync(
            $"""
            INSERT INTO scores (username, challenge_id, score, emd_score, created_at, status)
            SELECT CASE WHEN i = 20 THEN 'bob' ELSE 'p' || i END, '{name}', i, i, now(), 'completed'
            FROM generate_series(1, 40) i
            """
        );
        var path = $"/api/challenges/{name}/leaderboard?around=me&limit=3";

        var page = await app.Bob.GetFromJsonAsync<JsonElement>(path, Cancellation);
        var nobody = await app.CreateClient().SendAsync("GET", path);
        var others = await app.Ada.GetFromJsonAsync<JsonElement>(path, Cancellation);
        Assert.Equal("p21 bob p19", Names(page));
        Assert.Equal(401, nobody.Status);
        Assert.Equal(0, others.GetArrayLength()); // ada has no score

        await app.Database.ExecuteAsync(
            """
            INSERT INTO disqualifications (score_id, reason, created_by, created_at)
            SELECT id, 'late', 'ada', now() FROM scores WHERE username = 'bob'
            """
        );
        var scores = await app.Bob.GetFromJsonAsync<JsonElement>($"/api/challenges/{name}/scores", Cancellation);
        Assert.Equal(
            "bob",
            Assert
                .Single(scores.EnumerateArray(), score => score.GetProperty("disqualified").GetBoolean())
                .GetProperty("username")
                .GetString()
        );
        Assert.Equal(0, (await app.Bob.GetFromJsonAsync<JsonElement>(path, Cancellation)).GetArrayLength());
    }

    private static async Task<(string Scores, string Board)> SeesAsync(HttpClient client, string challenge) =>
        (
            Names(await client.GetFromJsonAsync<JsonElement>($"/api/challenges/{challenge}/scores", Cancellation)),
            Names(await client.GetFromJsonAsync<JsonElement>($"/api/challenges/{challenge}/leaderboard", Cancellation))
        );

    private static string Names(JsonElement rows) =>
        string.Join(' ', rows.EnumerateArray().Select(row => row.GetProperty("username").GetString()));

    private static async Task<(int Status, string Body)> ReplaceAsync(HttpClient client, string path, string content)
    {
        using var form = Form().With("file", content);
        return await client.SendAsync("PUT", path, form);
    }

    private async Task<string?> KeyAsync(string path, string kind) =>
        (await app.Bob.GetFromJsonAsync<JsonElement>(path, Cancellation)).GetProperty(kind).GetString();
}
