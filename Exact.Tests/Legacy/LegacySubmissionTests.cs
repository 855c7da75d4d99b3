using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Exact.Tests.Accounts;
using Exact.Tests.Challenges;
using Exact.Tests.Support;
using static Exact.Tests.Challenges.ChallengeForms;

namespace Exact.Tests.Legacy;

/// <summary>A submission of the legacy client waits for its score.</summary>
public sealed class LegacySubmissionTests(AccountsApp app) : IClassFixture<AccountsApp>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("complete", """{"emd_score": 0.75, "emd_std": 0.05}""", 201, "Evaluation completed")]
    [InlineData(
        "fail",
        """{"error": "There is no class Method."}""",
        200,
        "The evaluation failed: There is no class Method."
    )]
    [InlineData("fail", """{"error": "It was not Completed."}""", 200, "The evaluation failed.")]
    public async Task The_answer_has_what_became_of_the_evaluation(
        string outcome,
        string result,
        int status,
        string message
    )
    {
        var (challenge, name) = (await ChallengeAsync(), await app.RegisterAsync());
        using var participant = await app.SignInAsync(name);
        using var worker = app.CreateAdmin();
        using var form = Submission();

        var submitting = participant.SendAsync("POST", $"/api/xai/{challenge}/", form);
        await worker.EvaluateAsync(outcome, result);
        var answer = await submitting;

        Assert.Equal(status, answer.Status);
        var body = JsonNode.Parse(answer.Body)!.AsObject();
        Assert.Equal(message, body["message"]!.GetValue<string>());
        if (status == 201)
        {
            Assert.Equal(["message", "score"], body.Select(field => field.Key));
            var score = body["score"]!;
            Assert.Equal(name, score["username"]!.GetValue<string>());
            Assert.Equal(challenge, score["challenge_id"]!.GetValue<string>());
            Assert.Equal("Gradients", score["method_name"]!.GetValue<string>());
            Assert.Equal(0.75, score["emd_score"]!.GetValue<double>());
            Assert.Equal("completed", score["status"]!.GetValue<string>());
        }
        else
        {
            Assert.Equal($$"""{"message":"{{message}}","scores":null}""", answer.Body);
        }
    }

    [Fact]
    public async Task A_submission_that_nobody_evaluates_in_time_is_queued()
    {
        var challenge = await ChallengeAsync();
        await using var other = app.WithWebHostBuilder(builder => builder.UseSetting("Legacy:WaitForResult", "0"));
        await ExactApp.WhenReadyAsync(other);
        using var participant = other.CreateClient();
        using var signedIn = await participant.PostAsJsonAsync(
            "/login",
            new { username = await app.RegisterAsync(), password = AccountsApp.Password },
            Cancellation
        );
        using var form = Form().With("file", new ByteArrayContent([1]), "filename=\"my.method.py\"");

        var (status, body) = await participant.SendAsync("POST", $"/api/xai/{challenge}", form);

        Assert.Equal(
            (
                202,
                """{"message":"The submission is queued. Its score will be on the leaderboard later.","scores":null}"""
            ),
            (status, body)
        );
        Assert.Equal(
            "my.method pending",
            await app.Database.ScalarAsync<string>(
                $"SELECT method_name || ' ' || status FROM scores WHERE challenge_id = '{challenge}'"
            )
        );
    }

    [Theory]
    [InlineData("anonymous", "file", 401, "")]
    [InlineData("read", "file", 403, "")]
    [InlineData("participant", "file none", 404, "Challenge not found")]
    [InlineData("participant", "file closed", 400, "The challenge is closed. It accepted submissions until 2020")]
    [InlineData("participant", "file upcoming", 400, "The challenge is not open yet.")]
    [InlineData("participant", "file types", 400, "The challenge does not accept such a file.")]
    [InlineData("participant", "file small", 413, "The file is too large.")]
    [InlineData("participant", "nothing", 400, "The file is missing.")]
    [InlineData("participant", "text", 400, "The part file must be a file")]
    [InlineData("participant", "file long", 400, "method_name must have at most 100 characters.")]
    public async Task A_submission_that_is_refused_says_why_and_a_claimed_name_does_not_help(
        string who,
        string what,
        int status,
        string error
    )
    {
        var challenge = await ChallengeAsync();
        await app.Database.ExecuteAsync(
            what.Split(' ')[^1] switch
            {
                "none" => "DELETE FROM challenges",
                "closed" => "UPDATE challenges SET closes_on = '2020-01-01Z'",
                "upcoming" => Rules("opens_on", "'2099-01-01Z'"),
                "types" => Rules("accepted_types", "'.zip'"),
                "small" => Rules("max_bytes", "1"),
                _ => "SELECT 1",
            }
        );
        using var client = await ClientAsync(who);
        client.DefaultRequestHeaders.Add("X-Username", "ada");
        using var form = what switch
        {
            "nothing" => Form(("username", "ada")),
            "text" => Form(("file", "undefined")),
            "file long" => Submission(new('m', 101)),
            _ => Submission(),
        };

        var answer = await client.SendAsync("POST", $"/api/xai/{challenge}/", form);

        Assert.Equal(status, answer.Status);
        var said = JsonNode.Parse(answer.Body)!["error"]!.GetValue<string>();
        Assert.NotEmpty(said);
        Assert.StartsWith(error, said);
        Assert.Equal(0L, await app.Database.ScalarAsync<long>("SELECT count(*) FROM submissions"));

        string Rules(string rule, string value) =>
            $"""
                INSERT INTO challenge_rules (challenge_id, accepted_types, hides_scores) VALUES ('{challenge}', '', false);
                UPDATE challenge_rules SET {rule} = {value}
                """;
    }

    private async Task<HttpClient> ClientAsync(string who)
    {
        if (who is "anonymous")
        {
            return app.CreateClient();
        }

        var browser = await app.SignInAsync(await app.RegisterAsync());
        if (who is "read")
        {
            var (_, secret) = await AccountsApp.CreateTokenAsync(browser, ["read"]);
            browser.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", secret);
        }

        return browser;
    }

    /// <summary>Makes a challenge, the only one.</summary>
    private async Task<string> ChallengeAsync()
    {
        var name = $"c{Guid.NewGuid():N}";
        await app.Database.ExecuteAsync(
            $"""
            TRUNCATE challenges CASCADE;
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            VALUES ('{name}', 'Tetris', '', now(), 'ada')
            """
        );
        return name;
    }

    /// <summary>The form as the client sends it: the file comes first, and a name that is not the caller's.</summary>
    private static MultipartFormDataContent Submission(string method = "Gradients")
    {
        var form = Form().With("file", new ByteArrayContent([1, 2, 3]), "filename=\"method.py\"");
        form.Add(new StringContent("ada"), "username");
        form.Add(new StringContent(method), "method_name");
        return form;
    }
}

internal static class LegacyWorker
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Waits for a submission, as a worker does, and ends its evaluation.</summary>
    public static async Task EvaluateAsync(this HttpClient worker, string outcome, string result)
    {
        using var claim = await worker.PostAsJsonAsync("/api/worker/claim", new { wait = 30 }, Cancellation);
        Assert.Equal(200, (int)claim.StatusCode);
        var claimed = await claim.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        var sent = JsonNode.Parse(result)!;
        sent["lease"] = claimed.GetProperty("lease").GetString();
        var (status, body) = await worker.SendAsync(
            "POST",
            $"/api/worker/submissions/{claimed.GetProperty("submission_id")}/{outcome}",
            Json(sent.ToJsonString())
        );
        Assert.True(status == 200, body);
    }
}
