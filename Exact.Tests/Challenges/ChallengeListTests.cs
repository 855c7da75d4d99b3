using System.Net.Http.Json;
using System.Text.Json;
using Exact.Tests.Support;

namespace Exact.Tests.Challenges;

/// <summary>Searching and sorting the challenges.</summary>
public sealed class ChallengeListTests(ExactApp app) : IClassFixture<ExactApp>, IAsyncLifetime
{
    private readonly HttpClient client = app.CreateAdmin();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() =>
        await app.Database.ExecuteAsync(
            """
            DELETE FROM challenges;
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by, closes_on)
            VALUES ('past', 'Tetris 100%', '', now(), 'ada', now() - interval '1 microsecond'),
                ('soon', 'Saliency', 'of tetris', now(), 'ada', now() + interval '1 day'),
                ('later', 'Under_score', '', now(), 'bob', now() + interval '2 days'),
                ('ever', 'Open', '', now(), 'admin-key', NULL),
                ('next', 'Next', '', now(), 'bob', NULL);
            INSERT INTO challenge_rules (challenge_id, opens_on, accepted_types, hides_scores)
            VALUES ('next', now() + interval '1 hour', '', false), ('soon', now() - interval '1 hour', '.py', true)
            """
        );

    public ValueTask DisposeAsync()
    {
        client.Dispose();
        return ValueTask.CompletedTask;
    }

    [Theory]
    [InlineData("", "next ever later soon past")]
    [InlineData("?sort=oldest", "past soon later ever next")]
    [InlineData("?sort=closing", "past soon later ever next")]
    [InlineData("?sort=title", "next ever soon past later")]
    [InlineData("?state=open", "ever later soon")]
    [InlineData("?state=closed", "past")]
    [InlineData("?state=upcoming", "next")]
    [InlineData("?q=TETRIS", "soon past")]
    [InlineData("?q=tetris%20saliency", "soon")]
    [InlineData("?q=100%25", "past")]
    [InlineData("?q=_", "later")]
    [InlineData("?q=%5C", "")]
    [InlineData("?q=bob&sort=oldest", "later next")]
    [InlineData("?mine=true", "ever")]
    public async Task Challenges_are_found_and_sorted(string query, string expected)
    {
        Assert.Equal(expected, await NamesAsync($"/api/challenges{query}"));

        var pages = new List<string>();
        var next = $"/api/challenges{query}{(query is "" ? "?" : "&")}limit=2&count=true";
        while (next is not null)
        {
            using var page = await client.GetAsync(new Uri(next, UriKind.Relative), Cancellation);
            pages.Add(NamesOf(await page.Content.ReadFromJsonAsync<JsonElement>(Cancellation)));
            Assert.Equal(
                $"{expected.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length}",
                page.Headers.GetValues("X-Total-Count").Single()
            );
            next = page.Headers.TryGetValues("Link", out var links) ? links.Single().Split('<', '>')[1] : null;
        }

        Assert.Equal(expected, string.Join(' ', pages).Trim());
    }

    [Fact]
    public async Task A_page_is_counted_on_request_or_if_it_is_the_whole_list()
    {
        foreach (var (query, total) in new[] { ("?limit=2", null), ("?limit=2&count=true", "5"), ("?limit=9", "5") })
        {
            using var page = await client.GetAsync($"/api/challenges{query}", Cancellation);

            Assert.Equal(total, page.Headers.TryGetValues("X-Total-Count", out var found) ? found.Single() : null);
        }
    }

    [Theory]
    [InlineData("?limit=0")]
    [InlineData("?limit=1001")]
    [InlineData("?cursor=x")]
    [InlineData("?sort=closing&cursor=MQ")]
    [InlineData("?sort=name")]
    [InlineData("?sort=title&cursor=NTUzNjIuMQ")] // half of a pair, and 1
    [InlineData("?state=shut")]
    [InlineData("?mine=perhaps")]
    public async Task A_wrong_parameter_is_refused(string query)
    {
        var (status, body) = await client.SendAsync("GET", $"/api/challenges{query}");

        Assert.True(status == 400, $"{status} {body}");
    }

    [Fact]
    public async Task Nobody_has_challenges_without_an_account()
    {
        using var stranger = app.CreateClient();

        Assert.Equal(401, (await stranger.SendAsync("GET", "/api/challenges?mine=true")).Status);
    }

    [Fact]
    public async Task Without_a_limit_the_list_is_complete()
    {
        await app.Database.ExecuteAsync(
            """
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            SELECT 'many' || i, '', '', now(), 'ada' FROM generate_series(1, 1200) i
            """
        );

        var all = await client.GetFromJsonAsync<JsonElement>("/api/challenges", Cancellation);

        Assert.Equal(1205, all.GetArrayLength());
    }

    private async Task<string> NamesAsync(string path) =>
        NamesOf(await client.GetFromJsonAsync<JsonElement>(path, Cancellation));

    private static string NamesOf(JsonElement challenges) =>
        string.Join(' ', challenges.EnumerateArray().Select(one => one.GetProperty("challenge_id").GetString()));
}
