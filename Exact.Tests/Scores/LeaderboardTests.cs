using System.Net;
using System.Net.Http.Json;
using System.Security.Claims;
using System.Text.Json;
using Exact.Api;
using Exact.Api.Scores;
using Exact.Domain;
using Exact.Tests.Support;
using Npgsql;

namespace Exact.Tests.Scores;

public sealed class LeaderboardTests(ExactApp app) : IClassFixture<ExactApp>, IAsyncLifetime
{
    private static readonly DateTimeOffset Monday = new(2026, 11, 16, 8, 0, 0, TimeSpan.Zero);

    private static string? crowd;

    private string challenge = $"c{Guid.NewGuid():N}";
    private readonly HttpClient client = app.CreateClient();

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() =>
        await app.Database.ExecuteAsync(
            $"""
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            VALUES ('{challenge}', 'Tetris', '', now(), 'ada')
            """
        );

    public ValueTask DisposeAsync()
    {
        client.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Each_participant_is_ranked_once_by_the_best_score()
    {
        await ScoreAsync("ada", 0.5);
        await ScoreAsync("ada", 0.9);
        await ScoreAsync("bob", 0.7);

        Assert.Equal(["1 ada 0.9", "2 bob 0.7"], await BoardAsync());
        Assert.Equal(["1 ada 0.9", "2 bob 0.7", "3 ada 0.5"], await BoardAsync("entries=all"));
    }

    [Fact]
    public async Task A_score_from_before_there_were_metrics_ranks_by_its_primary_score()
    {
        await ScoreAsync("old", 0.8);
        await ScoreAsync("both", 0.6);
        await app.Database.ExecuteAsync("UPDATE scores SET emd_score = NULL WHERE username IN ('old', 'both')");
        await ScoreAsync("both", 0.7);
        await ScoreAsync("new", 0.9);
        await ScoreAsync("nan", 0.95);
        await app.Database.ExecuteAsync("UPDATE scores SET emd_score = 'NaN' WHERE username = 'nan'");

        Assert.Equal(["1 new 0.9", "2 old 0.8", "3 both 0.7"], await BoardAsync());
        Assert.Equal(["1 new 0.9", "2 old 0.8", "3 both 0.7", "4 both 0.6"], await BoardAsync("entries=all"));
        Assert.Empty(await BoardAsync("metric=ima"));
    }

    [Fact]
    public async Task Equal_scores_share_a_rank_and_are_ordered_by_time_and_key()
    {
        await ScoreAsync("late", 0.7, at: Monday.AddHours(2));
        await ScoreAsync("first", 0.9);
        await ScoreAsync("early", 0.7, at: Monday.AddHours(1));
        await ScoreAsync("early too", 0.7, at: Monday.AddHours(1));
        await ScoreAsync("last", 0.1);

        Assert.Equal(["1 first 0.9", "2 early 0.7", "2 early too 0.7", "2 late 0.7", "5 last 0.1"], await BoardAsync());
    }

    [Fact]
    public async Task Only_completed_finite_scores_with_the_metric_are_ranked()
    {
        await ScoreAsync("ada", 0.5);
        await ScoreAsync("ada", 0.9, status: "failed");
        await ScoreAsync("nan", double.NaN);
        await ScoreAsync("infinite", double.PositiveInfinity);
        await ScoreAsync("negative", double.NegativeInfinity);
        await ScoreAsync("running", 0.8, status: "running");
        await ScoreAsync("none", null);

        Assert.Equal(["1 ada 0.5"], await BoardAsync());
    }

    [Fact]
    public async Task The_metric_decides_the_order()
    {
        await ScoreAsync("ada", 0.9, ima: 0.1);
        await ScoreAsync("bob", 0.1, ima: 0.9);

        Assert.Equal(["1 ada 0.9", "2 bob 0.1"], await BoardAsync("metric=emd"));
        Assert.Equal(["1 bob 0.9", "2 ada 0.1"], await BoardAsync("metric=ima"));
    }

    [Theory]
    [InlineData("best")]
    [InlineData("all")]
    public async Task Pages_join_to_the_whole_board_and_keep_their_ranks(string entries)
    {
        for (var i = 0; i < 25; i++)
        {
            await ScoreAsync($"p{i % 20}", i / 5 / 10.0, at: Monday.AddMinutes(i % 3));
        }

        var whole = await BoardAsync($"entries={entries}");
        var pages = new List<string>();
        string? next = $"/api/challenges/{challenge}/leaderboard?entries={entries}&limit=4";
        while (next is not null)
        {
            using var answer = await client.GetAsync(new Uri(next, UriKind.Relative), CancellationToken);
            pages.AddRange(await ReadAsync(answer));
            next = answer.Headers.TryGetValues("Link", out var links) ? links.Single().Split('<', '>')[1] : null;
        }

        Assert.Equal(entries == "all" ? 25 : 20, whole.Count);
        Assert.Equal(whole, pages);
    }

    [Fact]
    public async Task Names_that_differ_in_case_are_two_people()
    {
        await ScoreAsync("ada", 0.5);
        await ScoreAsync("Ada", 0.9);

        Assert.Equal(["1 Ada 0.9", "2 ada 0.5"], await BoardAsync());
    }

    [Fact]
    public async Task Values_are_compared_to_the_last_digit()
    {
        var next = Math.BitIncrement(0.1);
        await ScoreAsync("ada", 0.1);
        await ScoreAsync("bob", next);

        Assert.Equal([$"1 bob {next:r}", "2 ada 0.1"], await BoardAsync());
    }

    [Fact]
    public async Task A_score_ranks_whenever_it_was_made_and_even_if_its_participant_has_left()
    {
        await app.Database.ExecuteAsync(
            $"UPDATE challenges SET closes_on = '2026-11-01Z' WHERE challenge_id = '{challenge}'"
        );
        await ScoreAsync("late", 0.5, at: Monday); // after it closed
        await ScoreAsync("never registered", 0.7, at: Monday.AddYears(-1));

        Assert.Equal(["1 never registered 0.7", "2 late 0.5"], await BoardAsync());
    }

    [Theory]
    [InlineData("scores", 5)]
    [InlineData("leaderboard", 3)]
    [InlineData("leaderboard?entries=all", 4)]
    [InlineData("leaderboard?metric=ima", 0)]
    public async Task A_list_says_its_total_on_every_page(string list, int total)
    {
        await ScoreAsync("ada", 0.5);
        await ScoreAsync("ada", 0.6);
        await ScoreAsync("bob", 0.7);
        await ScoreAsync("cy", 0.8);
        await ScoreAsync("dan", 0.9, status: "failed");

        string? next = $"/api/challenges/{challenge}/{list}{(list.Contains('?') ? '&' : '?')}limit=2";
        var pages = 0;
        while (next is not null)
        {
            using var answer = await client.GetAsync(new Uri(next, UriKind.Relative), CancellationToken);
            if (await answer.Content.ReadAsStringAsync(CancellationToken) is not "[]" || pages == 0)
            {
                Assert.Equal($"{total}", answer.Headers.GetValues("X-Total-Count").Single());
            }

            pages++;
            next = answer.Headers.TryGetValues("Link", out var links) ? links.Single().Split('<', '>')[1] : null;
        }

        Assert.InRange(pages, 1, 3);
    }

    [Theory]
    [InlineData("metric=accuracy", "metric", "Must be one of emd, ima, not \"accuracy\".")]
    [InlineData("entries=some", "entries", "Must be one of best, all, not \"some\".")]
    [InlineData("limit=many", "limit", "Must be a whole number, not \"many\".")]
    [InlineData("limit=0", "limit", "from 1 to 1000, not 0")]
    [InlineData("cursor=abc", "cursor", "The cursor is not one of this list.")]
    [InlineData("around=ada&format=csv", "around", "Chooses a page.")]
    public async Task A_wrong_parameter_is_named(string query, string field, string reason)
    {
        using var answer = await client.GetAsync(
            new Uri($"/api/challenges/{challenge}/leaderboard?{query}", UriKind.Relative),
            CancellationToken
        );

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);
        Assert.Contains(reason, problem.GetProperty("errors").GetProperty(field)[0].GetString());
    }

    [Fact]
    public async Task A_challenge_that_does_not_exist_has_no_leaderboard()
    {
        using var answer = await client.GetAsync("/api/challenges/nobody/leaderboard", CancellationToken);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Fact]
    public async Task A_disqualified_score_does_not_rank_and_its_participant_ranks_by_the_next_best()
    {
        await ScoreAsync("ada", 0.5);
        await ScoreAsync("ada", 0.9);
        await ScoreAsync("bob", 0.7);
        await app.Database.ExecuteAsync(
            $"""
            INSERT INTO disqualifications (score_id, reason, created_by, created_at)
            SELECT id, 'copied', 'eve', now() FROM scores WHERE challenge_id = '{challenge}' AND emd_score = 0.9
            """
        );

        Assert.Equal(["1 bob 0.7", "2 ada 0.5"], await BoardAsync());
        Assert.Equal(["1 bob 0.7", "2 ada 0.5"], await BoardAsync("entries=all"));
    }

    [Theory]
    [InlineData("best", "emd")]
    [InlineData("best", "ima")]
    [InlineData("all", "emd")]
    public async Task A_page_around_a_participant_has_the_best_score_in_its_middle(string entries, string metric)
    {
        for (var i = 0; i < 24; i++)
        {
            await ScoreAsync($"p{i % 20}", i / 5 / 10.0, i / 3 / 10.0, at: Monday.AddMinutes(i % 3));
        }

        await app.Database.ExecuteAsync("UPDATE scores SET emd_score = NULL WHERE username IN ('p3', 'p7')");
        var query = $"entries={entries}&metric={metric}";
        var whole = await BoardAsync(query);
        foreach (var participant in (string[])["p0", "p3", "p7", "p11", "p19"])
        {
            var at = whole.FindIndex(row => row.Split(' ')[1] == participant);
            var from = Math.Max(0, at - 3);

            var page = await BoardAsync($"{query}&limit=6&around={participant}");

            Assert.Equal(whole[from..Math.Min(whole.Count, from + 6)], page);
        }

        Assert.Empty(await BoardAsync($"{query}&around=nobody"));
    }

    [Fact]
    public async Task The_next_page_follows_a_page_around_a_participant()
    {
        await ScoreAsync("ada", 0.9);
        await ScoreAsync("bob", 0.7);
        await ScoreAsync("eve", 0.5);

        using var answer = await client.GetAsync(
            new Uri($"/api/challenges/{challenge}/leaderboard?around=bob&limit=2", UriKind.Relative),
            CancellationToken
        );
        var next = answer.Headers.GetValues("Link").Single().Split('<', '>')[1];
        using var second = await client.GetAsync(new Uri(next, UriKind.Relative), CancellationToken);

        Assert.Equal(["1 ada 0.9", "2 bob 0.7"], await ReadAsync(answer));
        Assert.Equal(["3 eve 0.5"], await ReadAsync(second));
    }

    [Fact]
    public async Task A_page_around_me_needs_somebody_who_is_signed_in()
    {
        using var answer = await client.GetAsync(
            $"/api/challenges/{challenge}/leaderboard?around=me",
            CancellationToken
        );

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task An_administrator_sees_hidden_scores()
    {
        await ScoreAsync("ada", 0.5);
        await app.Database.ExecuteAsync(
            $"INSERT INTO challenge_rules (challenge_id, accepted_types, hides_scores) VALUES ('{challenge}', '', true)"
        );
        using var admin = app.CreateAdmin();

        Assert.Empty(await BoardAsync());
        using var answer = await admin.GetAsync($"/api/challenges/{challenge}/leaderboard", CancellationToken);
        Assert.Equal(["1 ada 0.5"], await ReadAsync(answer));
    }

    [Theory]
    [InlineData("ada", false)]
    [InlineData("bob", true)]
    [InlineData(null, true)]
    public void The_organiser_sees_hidden_scores(string? caller, bool isHidden)
    {
        var board = new Board
        {
            IsHidden = true,
            ClosesOn = null,
            CreatedBy = "ada",
            Scores = 0,
            RankedEmd = 0,
            RankedIma = 0,
            RankedEmdScores = 0,
            RankedImaScores = 0,
        };
        var user = caller is null
            ? new ClaimsIdentity()
            : new ClaimsIdentity([new(ClaimTypes.Name, caller), new(ClaimTypes.NameIdentifier, "1")], "test");

        Assert.Equal(isHidden, board.IsHiddenFrom(new(user)));
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("2126-01-01Z", true)]
    [InlineData("2020-01-01Z", false)]
    public async Task Scores_can_be_hidden_until_the_challenge_closes(string closesOn, bool isHidden)
    {
        await ScoreAsync("ada", 0.5);
        await app.Database.ExecuteAsync(
            $"""
            INSERT INTO challenge_rules (challenge_id, accepted_types, hides_scores) VALUES ('{challenge}', '', true);
            UPDATE challenges SET closes_on = nullif('{closesOn}', '')::timestamptz WHERE challenge_id = '{challenge}'
            """
        );

        foreach (var list in (string[])["scores", "leaderboard", "leaderboard?format=jsonl", "scores?format=jsonl"])
        {
            using var answer = await client.GetAsync($"/api/challenges/{challenge}/{list}", CancellationToken);
            var body = await answer.Content.ReadAsStringAsync(CancellationToken);
            Assert.Equal(isHidden, body is "[]" or "");
            Assert.Equal(isHidden, answer.Headers.Contains("X-Scores-Hidden"));
            Assert.Equal(!isHidden, answer.Headers.Contains("X-Total-Count"));
        }
    }

    [Theory]
    [InlineData("leaderboard", "rank,score_id,username,score,std,method_name,created_at", 3)]
    [InlineData("leaderboard?entries=all", "rank,score_id,username,score,std,method_name,created_at", 1500)]
    [InlineData("scores", "id,username,challenge_id,score,emd_score,emd_std,ima_score,ima_std,method_name", 1500)]
    public async Task All_rows_come_as_CSV_and_as_JSON_lines(string list, string header, int count)
    {
        await app.Database.ExecuteAsync(
            $"""
            INSERT INTO scores (username, challenge_id, emd_score, created_at, status)
            SELECT (ARRAY['=1+1', 'a "b", c', 'NaN'])[i % 3 + 1], '{challenge}',
                CASE WHEN i % 3 = 2 THEN -0.5 ELSE i END, '2026-01-01Z', 'completed'
            FROM generate_series(1, 1500) i
            """
        );
        var address = $"/api/challenges/{challenge}/{list}{(list.Contains('?') ? '&' : '?')}limit=1&format=";

        using var csv = await client.GetAsync(address + "csv", CancellationToken);
        using var lines = await client.GetAsync(address + "jsonl", CancellationToken);

        var rows = (await csv.Content.ReadAsStringAsync(CancellationToken)).Split("\r\n");
        Assert.StartsWith(header, rows[0], StringComparison.Ordinal);
        Assert.Equal(count, rows.Length - 2);
        Assert.Equal("", rows[^1]);
        Assert.Contains(rows, row => row.Contains(",'=1+1,", StringComparison.Ordinal));
        Assert.Contains(rows, row => row.Contains(",\"a \"\"b\"\", c\",", StringComparison.Ordinal));
        Assert.Contains(rows, row => row.Contains(",-0.5,", StringComparison.Ordinal));
        Assert.Equal($"{count}", csv.Headers.GetValues("X-Total-Count").Single());
        Assert.Equal("text/csv", csv.Content.Headers.ContentType?.MediaType);
        var objects = (await lines.Content.ReadAsStringAsync(CancellationToken)).TrimEnd().Split('\n');
        Assert.Equal(count, objects.Length);
        Assert.All(objects, line => JsonDocument.Parse(line).Dispose());
    }

    /// <summary>Also among many equal scores, and deep in the board.</summary>
    [Theory]
    [InlineData("best", "emd", "ix_participants_emd")]
    [InlineData("best", "ima", "ix_participants_ima")]
    [InlineData("all", "emd", "ix_scores_ranked_emd", "ix_scores_ranked_score")]
    [InlineData("all", "ima", "ix_scores_ranked_ima")]
    public async Task A_page_reads_the_rows_of_a_page(string entries, string metric, params string[] indexes)
    {
        await FillAsync();
        var middle = Leaderboard.PlaceOf(
            new()
            {
                Rank = 1,
                Position = 2500,
                Score = 1,
                CreatedAt = DateTimeOffset.UtcNow.AddHours(-1),
                ScoreId = 1,
                Username = "",
                Std = null,
                MethodName = null,
            }
        );
        foreach (var cursor in (string?[])[null, Paging.Encode(middle)])
        {
            var query = new LeaderboardQuery(
                Choice<Metric>.Parse(metric, null),
                Choice<Entries>.Parse(entries, null),
                Limit: 50,
                Cursor: cursor
            );
            var nodes = await ExplainAsync(
                Leaderboard.PageSql(query, cursor is not null, query.Limit),
                Leaderboard.Place.Of(query)
            );

            Assert.All(nodes, node => Assert.InRange(RowsOf(node), 0, 110));
            Assert.DoesNotContain(nodes, node => node.GetProperty("Node Type").GetString() is "Seq Scan");
            Assert.All(indexes, index => Assert.Contains(nodes, node => IndexOf(node) == index));
        }
    }

    /// <summary>To number the place counts the better rows, in the order of an index: nothing is sorted but the page.</summary>
    [Theory]
    [InlineData("best", "emd", "ix_participants_emd")]
    [InlineData("best", "ima", "ix_participants_ima")]
    [InlineData("all", "emd", "ix_scores_ranked_emd", "ix_scores_ranked_score")]
    [InlineData("all", "ima", "ix_scores_ranked_ima")]
    public async Task A_page_around_a_participant_sorts_the_rows_of_a_page(
        string entries,
        string metric,
        params string[] indexes
    )
    {
        await FillAsync();
        var query = new LeaderboardQuery(
            Choice<Metric>.Parse(metric, null),
            Choice<Entries>.Parse(entries, null),
            Limit: 50
        );
        var place = new Leaderboard.Place(1, DateTimeOffset.UtcNow.AddHours(1), 1, 0, 0);

        var nodes = await ExplainAsync(Leaderboard.PlaceSql(query), place);

        Assert.DoesNotContain(
            nodes,
            node =>
                node.GetProperty("Node Type").GetString() is "Seq Scan"
                && node.GetProperty("Relation Name").GetString() is "scores" or "participants"
        );
        Assert.All(
            nodes.Where(node => node.GetProperty("Node Type").GetString() is "Sort" or "Incremental Sort"),
            sort => Assert.InRange(RowsOf(sort), 0, 110)
        );
        Assert.All(indexes, index => Assert.Contains(nodes, node => IndexOf(node) == index));
    }

    /// <summary>The caller has the first rows while the server still has the last ones: 20 MB are in no buffer.</summary>
    [Theory]
    [InlineData("csv")]
    [InlineData("jsonl")]
    public async Task All_rows_are_streamed(string format)
    {
        await app.Database.ExecuteAsync(
            $"""
            INSERT INTO scores (username, challenge_id, created_at, status, error_message)
            SELECT 'ada', '{challenge}', now(), 'failed', repeat('x', 4000) FROM generate_series(1, 5000)
            """
        );

        using var admin = app.CreateAdmin(); // reads the errors, too
        using var answer = await admin.GetAsync(
            new Uri($"/api/challenges/{challenge}/scores?format={format}", UriKind.Relative),
            HttpCompletionOption.ResponseHeadersRead,
            CancellationToken
        );
        await using var body = await answer.Content.ReadAsStreamAsync(CancellationToken);
        await body.ReadExactlyAsync(new byte[1024], CancellationToken);
        var running = await app.Database.ScalarAsync<long>(
            """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()
            AND query LIKE '%error_message%'
            """
        );

        Assert.Equal(1, running);
        await body.CopyToAsync(Stream.Null, CancellationToken);
    }

    /// <summary>Goes to the challenge with many scores, which the first of these tests fills.</summary>
    private async Task FillAsync()
    {
        if (crowd is not null)
        {
            challenge = crowd;
            return;
        }

        await app.Database.ExecuteAsync(
            $"""
            INSERT INTO scores (username, challenge_id, score, emd_score, ima_score, created_at, status)
            SELECT 'p' || i % 5000, '{challenge}', i % 3, CASE WHEN i % 2 = 0 THEN i % 3 END, i % 3, now(), 'completed'
            FROM generate_series(1, 20000) i;
            INSERT INTO disqualifications (score_id, reason, created_by, created_at)
            SELECT id, '', '', now() FROM scores WHERE challenge_id = '{challenge}' AND id % 20 = 0
            """
        );
        await app.Database.ExecuteAsync("VACUUM ANALYZE scores, participants, disqualifications");
        crowd = challenge;
    }

    private async Task<List<JsonElement>> ExplainAsync(string sql, Leaderboard.Place? place)
    {
        await using var command = app.Database.DataSource.CreateCommand("EXPLAIN (ANALYZE, FORMAT JSON) " + sql);
        command.Parameters.AddRange(Leaderboard.Parameters(challenge, place).ToArray());
        var plan = JsonSerializer.Deserialize<JsonElement>(
            (string)(await command.ExecuteScalarAsync(CancellationToken))!
        );
        return [.. NodesOf(plan[0].GetProperty("Plan"))];
    }

    private static IEnumerable<JsonElement> NodesOf(JsonElement node) =>
        node.TryGetProperty("Plans", out var plans) ? plans.EnumerateArray().SelectMany(NodesOf).Prepend(node) : [node];

    /// <summary>The rows that a node read, also those that it threw away.</summary>
    private static double RowsOf(JsonElement node) =>
        node.GetProperty("Actual Loops").GetDouble()
        * (
            node.GetProperty("Actual Rows").GetDouble()
            + (node.TryGetProperty("Rows Removed by Filter", out var removed) ? removed.GetDouble() : 0)
        );

    private static string? IndexOf(JsonElement node) =>
        node.TryGetProperty("Index Name", out var index) ? index.GetString() : null;

    private async Task ScoreAsync(
        string username,
        double? emd,
        double? ima = null,
        DateTimeOffset? at = null,
        string status = "completed"
    )
    {
        await using var command = app.Database.DataSource.CreateCommand(
            """
            INSERT INTO scores (username, challenge_id, score, emd_score, ima_score, created_at, status)
            VALUES ($1, $2, $3, $3, $4, $5, $6)
            """
        );
        command.Parameters.Add(new() { Value = username });
        command.Parameters.Add(new() { Value = challenge });
        command.Parameters.Add(new NpgsqlParameter<double?> { TypedValue = emd });
        command.Parameters.Add(new NpgsqlParameter<double?> { TypedValue = ima });
        command.Parameters.Add(new() { Value = at ?? Monday });
        command.Parameters.Add(new() { Value = status });
        await command.ExecuteNonQueryAsync(CancellationToken);
    }

    private async Task<List<string>> BoardAsync(string query = "")
    {
        using var answer = await client.GetAsync(
            new Uri($"/api/challenges/{challenge}/leaderboard?{query}", UriKind.Relative),
            CancellationToken
        );
        return await ReadAsync(answer);
    }

    private static async Task<List<string>> ReadAsync(HttpResponseMessage answer)
    {
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var rows = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);
        return
        [
            .. rows.EnumerateArray()
                .Select(row => $"{row.GetProperty("rank")} {row.GetProperty("username")} {row.GetProperty("score")}"),
        ];
    }
}
