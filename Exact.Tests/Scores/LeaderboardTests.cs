using System.Net;
using System.Net.Http.Json;
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

    private readonly string challenge = $"c{Guid.NewGuid():N}";
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
    public async Task A_score_ranks_whenever_it_was_made_and_whoever_has_left()
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

    [Theory]
    [InlineData(Metric.Emd)]
    [InlineData(Metric.Ima)]
    public async Task The_ranking_reads_one_index_and_not_the_table(Metric metric)
    {
        await app.Database.ExecuteAsync(
            $"""
            INSERT INTO scores (username, challenge_id, score, emd_score, ima_score, created_at, status)
            SELECT 'p' || i % 5000, '{challenge}', random(), random(), random(), now(), 'completed'
            FROM generate_series(1, 20000) i
            """
        );
        await app.Database.ExecuteAsync("VACUUM ANALYZE scores");
        var query = new LeaderboardQuery(new Choice<Metric>(metric));
        await using var command = app.Database.DataSource.CreateCommand(
            "EXPLAIN (COSTS OFF) " + Leaderboard.Sql(query)
        );
        command.Parameters.AddRange(Leaderboard.Parameters(challenge, query).ToArray());
        var plan = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(CancellationToken);
        while (await reader.ReadAsync(CancellationToken))
        {
            plan.Add(reader.GetString(0));
        }

        Assert.Contains(
            plan,
            line =>
                line.Contains(
                    $"Index Only Scan using ix_scores_leaderboard_{metric}",
                    StringComparison.OrdinalIgnoreCase
                )
        );
        Assert.DoesNotContain(plan, line => line.Contains("Seq Scan", StringComparison.Ordinal));
    }

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
