using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Exact.Tests.Support;
using Exact.Tests.Transfer;
using static Exact.Tests.Challenges.ChallengeForms;

namespace Exact.Tests.Submissions;

public sealed class SubmissionTests(SubmissionsApp app) : IClassFixture<SubmissionsApp>
{
    private const string Form = "multipart/form-data; boundary=b";

    private static readonly string[] Emd = ["emd"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_submission_is_accepted_and_says_where_it_stands()
    {
        var challenge = await app.ChallengeAsync("daily_limit=5");
        await app.SubmitAsync(challenge);
        using var answer = await SubmissionsApp.SubmitAsync(app.Bob, challenge, "print(2)", "dir/my method.py");

        var body = await JsonOf(answer);
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        Assert.Equal($"/api/submissions/{body.GetProperty("id").GetInt64()}", $"{answer.Headers.Location}");
        Assert.Equal("pending", body.GetProperty("status").GetString());
        Assert.Equal(2, body.GetProperty("place").GetInt32());
        Assert.Equal("mine", body.GetProperty("method_name").GetString());
        Assert.Equal("my method.py", body.GetProperty("original_name").GetString());
        Assert.Equal(8, body.GetProperty("size").GetInt64());
        Assert.Equal(
            Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("print(2)"u8)),
            body.GetProperty("sha256").GetString()
        );
        Assert.Equal(
            "3 of 5 left today, resets at 00:00 UTC",
            body.GetProperty("allowance").GetProperty("summary").GetString()
        );
        Assert.Equal(
            "print(2)",
            await app.Bob.GetStringAsync(new Uri($"{answer.Headers.Location}/file", UriKind.Relative), Cancellation)
        );
    }

    [Theory]
    [InlineData("daily_limit=0", HttpStatusCode.TooManyRequests, "You have no submissions left today.")]
    [InlineData("total_limit=0", HttpStatusCode.Conflict, "You have no submissions left.")]
    [InlineData("opens_on=now() + interval '1 day'", HttpStatusCode.Conflict, "The challenge is not open yet.")]
    [InlineData("max_bytes=3", HttpStatusCode.RequestEntityTooLarge, "The file is too large.")]
    [InlineData(
        "accepted_types='.zip'",
        HttpStatusCode.UnsupportedMediaType,
        "The challenge does not accept such a file."
    )]
    public async Task What_the_rules_forbid_is_refused_and_leaves_nothing(
        string rules,
        HttpStatusCode status,
        string title
    )
    {
        var challenge = await app.ChallengeAsync(rules);
        await app.Database.ExecuteAsync("DELETE FROM stored_files");
        using var answer = await SubmissionsApp.SubmitAsync(app.Bob, challenge);

        Assert.Equal(status, answer.StatusCode);
        Assert.Equal(title, (await JsonOf(answer)).GetProperty("title").GetString());
        Assert.Equal(
            0,
            await app.Database.ScalarAsync<long>(
                "SELECT (SELECT count(*) FROM submissions) + count(*) FROM stored_files"
            )
        );
    }

    [Theory]
    [InlineData("{}", "application/json", HttpStatusCode.UnsupportedMediaType, "Unsupported Media Type")]
    [InlineData("--b\r\n", Form, HttpStatusCode.BadRequest, "Bad Request")]
    [InlineData("--b--\r\n", Form, HttpStatusCode.BadRequest, "Is missing. Send method_name first")]
    [InlineData(
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"m.py\"\r\n\r\ncut",
        Form,
        HttpStatusCode.BadRequest,
        "cut off"
    )]
    [InlineData(
        "--b\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\neve\r\n--b--\r\n",
        Form,
        HttpStatusCode.BadRequest,
        "The form has no field "
    )]
    [InlineData(
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"m.py\"\r\n\r\nx\r\n"
            + "--b\r\nContent-Disposition: form-data; name=\"method_name\"\r\n\r\nlate\r\n--b--\r\n",
        Form,
        HttpStatusCode.BadRequest,
        "method_name comes after a file"
    )]
    [InlineData(
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"m.py\"\r\n\r\nx\r\n"
            + "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"n.py\"\r\n\r\ny\r\n--b--\r\n",
        Form,
        HttpStatusCode.BadRequest,
        "file twice"
    )]
    public async Task A_form_that_is_not_as_it_should_be_is_refused_and_says_why(
        string body,
        string type,
        HttpStatusCode status,
        string reason
    )
    {
        var challenge = await app.ChallengeAsync();
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        content.Headers.TryAddWithoutValidation("Content-Type", type);
        using var answer = await app.Bob.PostAsync($"/api/challenges/{challenge}/submissions", content, Cancellation);

        Assert.Equal(status, answer.StatusCode);
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(text.Contains(reason, StringComparison.Ordinal), text);
        Assert.Equal(0, await app.Database.ScalarAsync<long>("SELECT count(*) FROM submissions"));
    }

    [Fact]
    public async Task A_participant_sees_the_own_submissions_and_the_organiser_all()
    {
        var challenge = await app.ChallengeAsync();
        var own = await app.SubmitAsync(challenge);
        using var carl = await SubmissionsApp.RegisterAsync(app.CreateClient(), $"carl{challenge[..8]}");
        using var other = await SubmissionsApp.SubmitAsync(carl, challenge);
        var list = $"/api/challenges/{challenge}/submissions";

        Assert.Single((await app.Bob.GetFromJsonAsync<JsonElement>(list, Cancellation)).EnumerateArray());
        Assert.Equal(2, (await app.Ada.GetFromJsonAsync<JsonElement>(list, Cancellation)).GetArrayLength());
        Assert.Equal(2, (await app.Admin.GetFromJsonAsync<JsonElement>(list, Cancellation)).GetArrayLength());
        Assert.Single(
            (
                await app.Ada.GetFromJsonAsync<JsonElement>($"{list}?username=bob&status=pending", Cancellation)
            ).EnumerateArray()
        );
        Assert.Equal(
            0,
            (await app.Ada.GetFromJsonAsync<JsonElement>($"{list}?status=failed", Cancellation)).GetArrayLength()
        );
        Assert.Equal(HttpStatusCode.Forbidden, await StatusOf(app.Bob, $"{list}?username=carl"));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusOf(carl, $"/api/submissions/{own}"));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusOf(carl, $"/api/submissions/{own}/file"));
        Assert.Equal(HttpStatusCode.OK, await StatusOf(app.Ada, $"/api/submissions/{own}/file"));
        Assert.Equal(HttpStatusCode.NotFound, await StatusOf(app.Bob, "/api/submissions/999999"));
    }

    [Fact]
    public async Task A_worker_claims_downloads_and_completes()
    {
        var challenge = await app.ChallengeAsync();
        var id = await app.SubmitAsync(challenge, "the code");
        var claim = await app.ClaimAsync(new { metrics = Emd, worker = "w1" });
        var files = claim.GetProperty("files");

        Assert.Equal(id, claim.GetProperty("submission_id").GetInt64());
        Assert.Equal(challenge, claim.GetProperty("challenge").GetProperty("challenge_id").GetString());
        Assert.Equal(JsonValueKind.Null, files.GetProperty("dataset").ValueKind);
        Assert.Equal(
            "the code",
            await app.Admin.GetStringAsync(
                new Uri(files.GetProperty("method").GetProperty("url").GetString()!, UriKind.Relative),
                Cancellation
            )
        );
        var report = new
        {
            lease = claim.GetProperty("lease").GetGuid(),
            emd_score = 0.5,
            log = "done",
        };
        Assert.Equal(HttpStatusCode.OK, await ReportAsync(id, "heartbeat", report));
        Assert.Equal(HttpStatusCode.OK, await ReportAsync(id, "complete", report));
        Assert.Equal(HttpStatusCode.OK, await ReportAsync(id, "complete", report));
        Assert.Equal(HttpStatusCode.Conflict, await ReportAsync(id, "complete", new { report.lease, emd_score = 0.6 }));
        Assert.Equal(HttpStatusCode.Conflict, await ReportAsync(id, "release", report));
        Assert.Equal(HttpStatusCode.NotFound, await ReportAsync(999999, "heartbeat", report));
        var submission = await app.ReadAsync(id);
        Assert.Equal("completed", submission.GetProperty("status").GetString());
        Assert.Equal(0.5, submission.GetProperty("emd_score").GetDouble());
        Assert.Equal("done", submission.GetProperty("log").GetString());
    }

    [Theory]
    [InlineData("complete", """{"emd_score": 1e999}""")]
    [InlineData("complete", """{"emd_score": NaN}""")]
    [InlineData("complete", """{"emd_score": 1, "emd_std": -1}""")]
    [InlineData("complete", """{"emd_std": 1}""")]
    [InlineData("complete", "{}")]
    [InlineData("fail", """{"error": ""}""")]
    [InlineData("heartbeat", null)]
    [InlineData("release", null)]
    [InlineData("fail", null)]
    [InlineData("complete", null)]
    public async Task A_report_that_says_nothing_usable_is_refused(string route, string? json)
    {
        var id = await app.SubmitAsync(await app.ChallengeAsync());
        var lease = (await app.ClaimAsync()).GetProperty("lease").GetGuid();
        var withoutLease = """{"error": "It raised.", "emd_score": 1}""";
        var body =
            json?.Replace("{", $"{{\"lease\": \"{lease}\"{(json is "{}" ? "" : ", ")}", StringComparison.Ordinal)
            ?? withoutLease;
        using var answer = await app.Admin.PostAsync(
            $"/api/worker/submissions/{id}/{route}",
            new StringContent(body, Encoding.UTF8, "application/json"),
            Cancellation
        );

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        if (json is null)
        {
            Assert.Equal(
                """["The lease is missing. Send the one of the claim."]""",
                (await JsonOf(answer)).GetProperty("errors").GetProperty("lease").GetRawText()
            );
        }

        Assert.Equal("running", (await app.ReadAsync(id)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task A_claim_that_waits_gets_the_submission_that_comes()
    {
        var challenge = await app.ChallengeAsync();
        using var nothing = await app.Admin.PostAsJsonAsync("/api/worker/claim", new { }, Cancellation);
        using var tooLong = await app.Admin.PostAsJsonAsync("/api/worker/claim", new { wait = 31 }, Cancellation);
        var waiting = app.ClaimAsync(new { wait = 30 });
        var id = await app.SubmitAsync(challenge);

        Assert.Equal(HttpStatusCode.NoContent, nothing.StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, tooLong.StatusCode);
        Assert.Equal(id, (await waiting).GetProperty("submission_id").GetInt64());
    }

    [Fact]
    public async Task An_organiser_enters_corrects_disqualifies_and_reinstates_and_it_is_journalled()
    {
        var challenge = await app.ChallengeAsync();
        await app.Database.ExecuteAsync("DELETE FROM operations");
        using var entered = await app.Ada.PostAsJsonAsync(
            $"/api/challenges/{challenge}/scores",
            new { username = "eve", emd_score = 0.5 },
            Cancellation
        );
        var id = (await JsonOf(entered)).GetProperty("id").GetInt64();
        using var corrected = await app.Ada.PatchAsJsonAsync(
            $"/api/scores/{id}",
            new { emd_score = 0.7 },
            Cancellation
        );

        Assert.Equal(HttpStatusCode.Created, entered.StatusCode);
        Assert.Equal(0.7, (await JsonOf(corrected)).GetProperty("score").GetDouble());
        Assert.Equal(HttpStatusCode.OK, await ActAsync(app.Ada, id, "disqualify"));
        Assert.Equal(HttpStatusCode.Conflict, await ActAsync(app.Ada, id, "disqualify"));
        Assert.Equal(0, await RankedAsync(challenge));
        Assert.Equal(HttpStatusCode.OK, await ActAsync(app.Ada, id, "reinstate"));
        Assert.Equal(HttpStatusCode.Conflict, await ActAsync(app.Ada, id, "reinstate"));
        Assert.Equal(1, await RankedAsync(challenge));
        Assert.Equal(HttpStatusCode.Conflict, await ActAsync(app.Ada, id, "rerun")); // it has no file
        Assert.Equal(HttpStatusCode.Forbidden, await ActAsync(app.Bob, id, "disqualify"));
        Assert.Equal(HttpStatusCode.NotFound, await ActAsync(app.Ada, 999999, "disqualify"));
        Assert.Equal(
            "enter:null>0.5 correct:0.5>0.7 disqualify:0.7>0.7 reinstate:0.7>0.7",
            await app.Database.ScalarAsync<string>(
                """
                SELECT string_agg(format('%s:%s>%s', figures->>'action', coalesce(figures->'before'->>'emd_score', 'null'),
                    figures->'after'->>'emd_score'), ' ' ORDER BY id)
                FROM operations WHERE kind = 'score' AND actor = 'ada'
                """
            )
        );
    }

    [Fact]
    public async Task A_rerun_takes_the_submission_from_its_worker_and_evaluates_it_again()
    {
        var challenge = await app.ChallengeAsync("daily_limit=5");
        var id = await app.SubmitAsync(challenge);
        var score = (await app.ReadAsync(id)).GetProperty("score_id").GetInt64();
        var first = (await app.ClaimAsync()).GetProperty("lease").GetGuid();

        Assert.Equal(HttpStatusCode.OK, await ActAsync(app.Ada, score, "rerun"));
        Assert.Equal(HttpStatusCode.Conflict, await ReportAsync(id, "complete", new { lease = first, emd_score = 1 }));
        var second = (await app.ClaimAsync()).GetProperty("lease").GetGuid();
        Assert.Equal(HttpStatusCode.OK, await ReportAsync(id, "fail", new { lease = second, error = "It raised." }));
        using var all = await app.Ada.PostAsJsonAsync(
            $"/api/challenges/{challenge}/rerun",
            new { reason = "a new metric" },
            Cancellation
        );

        Assert.Equal(1, (await JsonOf(all)).GetProperty("submissions").GetInt32());
        var submission = await app.ReadAsync(id);
        Assert.Equal("pending", submission.GetProperty("status").GetString());
        Assert.Equal(JsonValueKind.Null, submission.GetProperty("error_message").ValueKind);
        Assert.Equal(4, submission.GetProperty("allowance").GetProperty("left_today").GetInt32());
    }

    [Fact]
    public async Task A_rerun_does_not_make_a_submission_count_again()
    {
        var challenge = await app.ChallengeAsync("daily_limit=5");
        var id = await app.SubmitAsync(challenge);
        var score = (await app.ReadAsync(id)).GetProperty("score_id").GetInt64();
        await app.Database.ExecuteAsync("UPDATE submissions SET counts = false");

        Assert.Equal(HttpStatusCode.OK, await ActAsync(app.Ada, score, "rerun"));

        var submission = await app.ReadAsync(id);
        Assert.False(submission.GetProperty("counts").GetBoolean());
        Assert.Equal(5, submission.GetProperty("allowance").GetProperty("left_today").GetInt32());
    }

    [Fact]
    public async Task An_imported_submission_that_was_running_is_claimed()
    {
        var challenge = await app.ChallengeAsync();
        var fixture = Sample.Fixture(
            Sample.Score(901, challenge, """ "status": "running" """),
            Sample.Submission(901, 901, """ "attempts": 2, "started_at": "2025-01-01T00:00:01Z" """)
        );
        using var imported = await app.Admin.PostAsync("/api/admin/import", Json(fixture), Cancellation);

        var claim = await app.ClaimAsync();

        Assert.Equal(HttpStatusCode.OK, imported.StatusCode);
        Assert.Equal(901, claim.GetProperty("submission_id").GetInt64());
        Assert.Equal(3, claim.GetProperty("attempt").GetInt32());
    }

    [Fact]
    public async Task A_rerun_of_one_metric_keeps_the_other()
    {
        var challenge = await app.ChallengeAsync();
        var id = await app.SubmitAsync(challenge);
        var score = (await app.ReadAsync(id)).GetProperty("score_id").GetInt64();
        var lease = (await app.ClaimAsync()).GetProperty("lease").GetGuid();
        var both = new
        {
            lease,
            emd_score = 0.5,
            ima_score = 0.25,
        };
        Assert.Equal(HttpStatusCode.OK, await ReportAsync(id, "complete", both));
        using var rerun = await app.Ada.PostAsJsonAsync(
            $"/api/scores/{score}/rerun",
            new { reason = "again", metrics = (string[])["ima"] },
            Cancellation
        );
        var claim = await app.ClaimAsync();
        var again = new
        {
            lease = claim.GetProperty("lease").GetGuid(),
            emd_score = 0.9,
            ima_score = 0.75,
        };

        Assert.Equal("""["ima"]""", claim.GetProperty("metrics").GetRawText());
        Assert.Equal(HttpStatusCode.OK, await ReportAsync(id, "complete", again));
        var submission = await app.ReadAsync(id);
        Assert.Equal(0.5, submission.GetProperty("emd_score").GetDouble());
        Assert.Equal(0.75, submission.GetProperty("ima_score").GetDouble());
    }

    [Fact]
    public async Task A_rerun_of_a_challenge_journals_the_number_and_not_each_score()
    {
        var challenge = await app.ChallengeAsync();
        await app.SubmitAsync(challenge);
        await app.SubmitAsync(challenge);
        using var all = await app.Ada.PostAsJsonAsync(
            $"/api/challenges/{challenge}/rerun",
            new { reason = "a new metric" },
            Cancellation
        );

        Assert.Equal(HttpStatusCode.Accepted, all.StatusCode);
        Assert.Equal(
            """null {"submissions": 2}""",
            await app.Database.ScalarAsync<string>(
                $"""
                SELECT concat_ws(' ', figures->'before', figures->'after') FROM operations
                WHERE figures->>'action' = 'rerun_all' AND figures->>'challenge_id' = '{challenge}'
                """
            )
        );
    }

    [Theory]
    [InlineData("scores", 404)]
    [InlineData("submissions", 404)]
    public async Task A_challenge_that_is_deleted_in_the_same_moment_is_not_found(string route, int status)
    {
        var challenge = await app.ChallengeAsync();
        await using var connection = await app.Database.DataSource.OpenConnectionAsync(Cancellation);
        await using var deletion = await connection.BeginTransactionAsync(Cancellation);
        await using var delete = new Npgsql.NpgsqlCommand("DELETE FROM challenges", connection, deletion);
        await delete.ExecuteNonQueryAsync(Cancellation);
        var sent = route is "scores"
            ? app.Ada.PostAsJsonAsync(
                $"/api/challenges/{challenge}/scores",
                new { username = "eve", emd_score = 0.5 },
                Cancellation
            )
            : SubmissionsApp.SubmitAsync(app.Bob, challenge);
        await Wait.UntilAsync(
            async () =>
                await app.Database.ScalarAsync<long>(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
                ) > 0,
            "the request waits for the deletion"
        );
        await deletion.CommitAsync(Cancellation);

        using var answer = await sent;
        Assert.Equal(status, (int)answer.StatusCode);
    }

    [Theory]
    [InlineData("""{"emd": 1}""", "emd", "There is no such field")]
    [InlineData("""{"score": 1, "reason": "x"}""", "score", "There is no such field")]
    [InlineData("""{"emd_score": "1"}""", "emd_score", "wrong type")]
    [InlineData("""{"emd_score": 1, "emd_score": 2}""", "emd_score", "named twice")]
    [InlineData("""{"emd_std": -1}""", "emd_std", "not negative")]
    [InlineData("""{"ima_std": 0.1}""", "ima_std", "Must come with its score.")]
    [InlineData("""{"emd_score": null}""", "emd_score", "It is the last score")]
    [InlineData("{}", "body", "It corrects nothing.")]
    [InlineData("""{"reason": "only this"}""", "body", "It corrects nothing.")]
    public async Task A_correction_that_says_nothing_usable_is_refused_and_not_journalled(
        string json,
        string field,
        string mistake
    )
    {
        var id = await EnterAsync(await app.ChallengeAsync());
        await app.Database.ExecuteAsync("DELETE FROM operations");
        using var answer = await app.Ada.PatchAsync($"/api/scores/{id}", Json(json), Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var errors = (await JsonOf(answer)).GetProperty("errors");
        Assert.Contains(mistake, errors.GetProperty(field)[0].GetString(), StringComparison.Ordinal);
        Assert.Equal(0, await app.Database.ScalarAsync<long>("SELECT count(*) FROM operations"));
    }

    [Fact]
    public async Task A_correction_clears_what_is_null_and_keeps_what_it_does_not_name()
    {
        var id = await EnterAsync(await app.ChallengeAsync());
        using var corrected = await app.Ada.PatchAsync(
            $"/api/scores/{id}",
            Json("""{"emd_score": null, "ima_score": 0.3, "ima_std": 0.1}"""),
            Cancellation
        );

        var score = await JsonOf(corrected);
        Assert.Equal(JsonValueKind.Null, score.GetProperty("emd_score").ValueKind);
        Assert.Equal(JsonValueKind.Null, score.GetProperty("emd_std").ValueKind);
        Assert.Equal(0.1, score.GetProperty("ima_std").GetDouble());
        Assert.Equal("grad-cam", score.GetProperty("method_name").GetString());
    }

    [Theory]
    [InlineData("challenges/{0}/rerun", """{"reason": "x", "metric": ["ima"]}""", "metric")]
    [InlineData("challenges/{0}/scores", """{"username": "eve", "emd_score": 1, "emd": 2}""", "emd")]
    [InlineData("scores/1/disqualify", """{"reason": "x", "note": ""}""", "note")]
    public async Task A_field_that_an_organiser_misspelt_is_named(string route, string json, string field)
    {
        var path = string.Format(null, route, await app.ChallengeAsync());
        using var answer = await app.Ada.PostAsync($"/api/{path}", Json(json), Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.StartsWith(
            $"There is no field {field}. The fields are ",
            (await JsonOf(answer)).GetProperty("errors").GetProperty(field)[0].GetString()
        );
    }

    [Fact]
    public async Task Only_the_participant_the_organiser_and_staff_read_why_an_evaluation_failed()
    {
        var challenge = await app.ChallengeAsync();
        await app.SubmitAsync(challenge);
        await app.Database.ExecuteAsync("UPDATE scores SET status = 'failed', error_message = 'secret output'");
        using var carl = await SubmissionsApp.RegisterAsync(app.CreateClient(), $"carl{challenge[..8]}");
        using var stranger = app.CreateClient();

        foreach (
            var path in (string[])
                [
                    $"/api/challenges/{challenge}/scores",
                    $"/api/challenges/{challenge}/scores?format=csv",
                    $"/api/challenges/{challenge}/scores?format=jsonl",
                    "/api/scores",
                ]
        )
        {
            foreach (
                var (client, isShown) in new[]
                {
                    (stranger, false),
                    (carl, false),
                    (app.Bob, true),
                    (app.Ada, true),
                    (app.Admin, true),
                }
            )
            {
                var body = await client.GetStringAsync(new Uri(path, UriKind.Relative), Cancellation);
                Assert.Contains("bob", body, StringComparison.Ordinal);
                Assert.Contains("error_message", body, StringComparison.Ordinal);
                Assert.Equal(isShown, body.Contains("secret output", StringComparison.Ordinal));
            }
        }
    }

    /// <summary>Enters a score with an EMD.</summary>
    private async Task<long> EnterAsync(string challenge)
    {
        using var entered = await app.Ada.PostAsJsonAsync(
            $"/api/challenges/{challenge}/scores",
            new
            {
                username = "eve",
                emd_score = 0.5,
                emd_std = 0.2,
                method_name = "grad-cam",
            },
            Cancellation
        );
        return (await JsonOf(entered)).GetProperty("id").GetInt64();
    }

    private async Task<HttpStatusCode> ReportAsync(long id, string route, object report)
    {
        using var answer = await app.Admin.PostAsJsonAsync(
            $"/api/worker/submissions/{id}/{route}",
            report,
            Cancellation
        );
        return answer.StatusCode;
    }

    private static async Task<HttpStatusCode> ActAsync(HttpClient client, long score, string action)
    {
        using var answer = await client.PostAsJsonAsync(
            $"/api/scores/{score}/{action}",
            new { reason = "they cheated" },
            Cancellation
        );
        return answer.StatusCode;
    }

    private static async Task<HttpStatusCode> StatusOf(HttpClient client, string path)
    {
        using var answer = await client.GetAsync(new Uri(path, UriKind.Relative), Cancellation);
        return answer.StatusCode;
    }

    private Task<long> RankedAsync(string challenge) =>
        app.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM participants WHERE challenge_id = '{challenge}' AND best_emd IS NOT NULL"
        );

    private static Task<JsonElement> JsonOf(HttpResponseMessage answer) =>
        answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
}
