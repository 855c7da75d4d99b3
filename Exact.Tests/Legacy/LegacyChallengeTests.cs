using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Exact.Tests.Accounts;
using static Exact.Tests.Challenges.ChallengeForms;

namespace Exact.Tests.Legacy;

/// <summary>What the legacy client calls to publish challenges, to show them, and to rank their scores.</summary>
public sealed class LegacyChallengeTests(AccountsApp app) : IClassFixture<AccountsApp>
{
    private const string NotFound = """{"error":"Challenge not found"}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>The client sends created_by last; others may send fields and files in any order.</summary>
    [Theory]
    [InlineData("title description dataset mlmodel xai_method created_by")]
    [InlineData("xai_method created_by dataset nothing title mlmodel description")]
    [InlineData("dataset mlmodel xai_method description title")]
    public async Task A_challenge_is_created_shown_downloaded_and_deleted(string order)
    {
        var name = await app.RegisterAsync();
        using var owner = await app.SignInAsync(name);
        using var stranger = app.CreateClient();
        using var form = Form();
        foreach (var part in order.Split(' '))
        {
            if (part is "dataset" or "mlmodel" or "xai_method")
            {
                form.With(part, new ByteArrayContent(Encoding.UTF8.GetBytes(part)), $"filename=\"my {part}.py\"");
            }
            else
            {
                form.Add(new StringContent(part is "created_by" ? "somebody" : $"The {part}"), part);
            }
        }

        var (status, created) = await owner.SendAsync("POST", "/api/challenge/create/", form);

        var answer = JsonNode.Parse(created)!;
        Assert.Equal(201, status);
        Assert.Equal(["message", "challenge_id", "created_by"], answer.AsObject().Select(field => field.Key));
        Assert.Equal(name, answer["created_by"]!.GetValue<string>());
        var id = answer["challenge_id"]!.GetValue<string>();
        foreach (var path in new[] { $"{id}", $"{id}/", $"{id}/metadata", $"{id}/metadata/" })
        {
            var challenge = JsonNode.Parse((await stranger.SendAsync("GET", $"/api/challenge/{path}")).Body)!;
            Assert.Equal(id, challenge["challenge_id"]!.GetValue<string>());
            Assert.Equal("The title", challenge["title"]!.GetValue<string>());
            Assert.Equal("The description", challenge["description"]!.GetValue<string>());
            Assert.Equal(name, challenge["created_by"]!.GetValue<string>());
            Assert.Null(challenge["closes_on"]);
            Assert.Equal(0, challenge["participant_count"]!.GetValue<int>());
            Assert.EndsWith("Z", challenge["created_at"]!.GetValue<string>());
        }

        var listed = JsonNode.Parse((await stranger.SendAsync("GET", "/api/challenges")).Body)!.AsArray();
        Assert.Contains(listed, one => one!["challenge_id"]!.GetValue<string>() == id);
        Assert.Equal("dataset_file.py dataset", await DownloadAsync(stranger, $"/api/dataset/{id}"));
        Assert.Equal("mlmodel_file.py mlmodel", await DownloadAsync(stranger, $"/api/mlmodel/{id}/"));
        Assert.Equal("xai_method_file.py xai_method", await DownloadAsync(stranger, $"/api/xaimethod/{id}"));

        using var claim = Json($$"""{"username": "{{name}}"}""");
        using var again = Json("{}");
        Assert.Equal(
            (200, """{"message":"Challenge deleted"}"""),
            await owner.SendAsync("DELETE", $"/api/challenge/{id}/delete/", claim)
        );
        Assert.Equal((404, NotFound), await owner.SendAsync("DELETE", $"/api/challenge/{id}/delete/", again));
        Assert.Equal((404, NotFound), await stranger.SendAsync("GET", $"/api/challenge/{id}"));
    }

    [Fact]
    public async Task A_claimed_name_opens_nothing()
    {
        var name = await app.RegisterAsync();
        using var owner = await app.SignInAsync(name);
        using var own = Form(("title", "Mine"));
        var id = JsonNode.Parse((await owner.SendAsync("POST", "/api/challenge/create/", own)).Body)!["challenge_id"]!;
        using var stranger = app.CreateClient();
        using var participant = await app.SignInAsync(await app.RegisterAsync());
        foreach (var client in new[] { stranger, participant })
        {
            client.DefaultRequestHeaders.Add("X-Username", name);
        }

        using var form = Form(("title", "Forged"), ("created_by", name));
        var (createStatus, create) = await stranger.SendAsync("POST", "/api/challenge/create/", form);
        using var claim = Json($$"""{"username": "{{name}}"}""");
        var (strangerStatus, refused) = await stranger.SendAsync("DELETE", $"/api/challenge/{id}/delete/", claim);
        using var same = Json($$"""{"username": "{{name}}"}""");
        var (participantStatus, forbidden) = await participant.SendAsync(
            "DELETE",
            $"/api/challenge/{id}/delete/",
            same
        );

        Assert.Equal((401, 401, 403), (createStatus, strangerStatus, participantStatus));
        foreach (var body in new[] { create, refused, forbidden })
        {
            Assert.NotEmpty(JsonNode.Parse(body)!["error"]!.GetValue<string>());
        }

        Assert.Equal(200, (await stranger.SendAsync("GET", $"/api/challenge/{id}")).Status);
        Assert.Equal(
            0L,
            await app.Database.ScalarAsync<long>("SELECT count(*) FROM challenges WHERE title = 'Forged'")
        );
    }

    [Theory]
    [InlineData("", """{"error":"A challenge needs a title.","errors":{"title":["A challenge needs a title."]}}""")]
    [InlineData("closes_on", null)]
    [InlineData("dataset", null)]
    public async Task A_form_that_is_not_valid_leaves_nothing(string wrong, string? expected)
    {
        using var owner = await app.SignInAsync(await app.RegisterAsync());
        var files = Directory.GetFiles(app.Files, "*", SearchOption.AllDirectories);
        using var form = Form().With("mlmodel", "content");
        if (wrong.Length > 0)
        {
            form.Add(new StringContent("t"), "title");
            form.Add(new StringContent("x"), wrong);
        }

        var (status, body) = await owner.SendAsync("POST", "/api/challenge/create/", form);

        Assert.Equal(400, status);
        Assert.Equal(expected ?? body, body);
        Assert.NotEmpty(JsonNode.Parse(body)!["error"]!.GetValue<string>());
        Assert.Equal(files, Directory.GetFiles(app.Files, "*", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData("/api/challenge/none", NotFound)]
    [InlineData("/api/challenge/none/metadata/", NotFound)]
    [InlineData("/api/dataset/none", """{"error":"There is no such challenge, or it has no dataset."}""")]
    [InlineData("/api/mlmodel/none", """{"error":"There is no such challenge, or it has no mlmodel."}""")]
    [InlineData("/api/xaimethod/none/", """{"error":"There is no such challenge, or it has no xaimethod."}""")]
    public async Task What_is_not_there_is_an_error_that_the_client_reads(string path, string expected)
    {
        using var client = app.CreateClient();

        Assert.Equal((404, expected), await client.SendAsync("GET", path));
    }

    [Fact]
    public async Task Names_that_need_escaping_are_reached()
    {
        await app.Database.ExecuteAsync(
            """
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            VALUES ('a/b cä', 'Odd', '', now(), 'ada')
            """
        );
        using var client = app.CreateClient();
        var escaped = Uri.EscapeDataString("a/b cä");

        Assert.Equal(200, (await client.SendAsync("GET", $"/api/challenge/{escaped}")).Status);
        Assert.Equal(200, (await client.SendAsync("GET", $"/api/challenge/{escaped}/metadata/")).Status);
    }

    [Fact]
    public async Task The_scores_of_all_challenges_come_as_one_array_without_those_that_nobody_may_see()
    {
        await app.Database.ExecuteAsync(
            """
            TRUNCATE challenges, scores RESTART IDENTITY CASCADE;
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by, closes_on)
            SELECT c, '', '', now(), 'ada', CASE c WHEN 'over' THEN timestamptz '2020-01-01' END
            FROM unnest(ARRAY['open', 'secret', 'over']) c;
            INSERT INTO challenge_rules (challenge_id, accepted_types, hides_scores)
            VALUES ('secret', '', true), ('over', '', true);
            INSERT INTO scores (id, username, challenge_id, score, emd_score, emd_std, method_name, created_at, status)
            VALUES (1, 'bob', 'open', 0.5, 0.5, 'NaN', 'm', '2025-01-02T03:04:05.678901Z', 'completed'),
                (2, 'bob', 'secret', 0.5, 0.5, 0.1, 'm', now(), 'completed'),
                (3, 'bob', 'over', NULL, NULL, NULL, NULL, now(), 'failed'),
                (4, 'bob', 'open', 0.9, 0.9, 0.1, 'm', now(), 'completed');
            INSERT INTO disqualifications (score_id, reason, created_by, created_at) VALUES (4, 'copied', 'ada', now());
            """
        );
        using var stranger = app.CreateClient();
        using var admin = app.CreateAdmin();

        var (status, body) = await stranger.SendAsync("GET", "/api/scores");
        var all = await stranger.GetFromJsonAsync<JsonArray>("/api/scores/", Cancellation);
        var complete = await admin.GetFromJsonAsync<JsonArray>("/api/scores", Cancellation);

        Assert.Equal(200, status);
        Assert.Equal([1, 3], all!.Select(score => score!["id"]!.GetValue<int>()));
        Assert.Equal(3, complete!.Count);
        var expected = JsonNode.Parse(
            """
            {"id": 1, "username": "bob", "challenge_id": "open", "score": 0.5, "emd_score": 0.5, "emd_std": null,
             "ima_score": null, "ima_std": null, "method_name": "m", "created_at": "2025-01-02T03:04:05.678901Z",
             "status": "completed", "error_message": null, "primary_score": 0.5,
             "disqualified": false}
            """
        );
        Assert.True(JsonNode.DeepEquals(expected, JsonNode.Parse(body)![0]), body);
        await app.Database.ExecuteAsync("TRUNCATE scores CASCADE");
        Assert.Equal((200, "[]"), await stranger.SendAsync("GET", "/api/scores"));
    }

    private static async Task<string> DownloadAsync(HttpClient client, string path)
    {
        using var answer = await client.GetAsync(new Uri(path, UriKind.Relative), Cancellation);
        var disposition = answer.Content.Headers.ContentDisposition!;
        Assert.Equal("attachment", disposition.DispositionType);
        return $"{disposition.FileName} {await answer.Content.ReadAsStringAsync(Cancellation)}";
    }
}
