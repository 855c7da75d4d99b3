using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using Exact.Tests.Support;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Tests.Challenges;

public sealed class ChallengeTests(ExactApp app) : IClassFixture<ExactApp>, IAsyncLifetime
{
    private readonly HttpClient client = app.CreateClient();

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() =>
        await app.Database.ExecuteAsync(
            """
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by, dataset)
            SELECT 'c' || i, 'Challenge ' || i, 'ü🎯', '2026-11-22 08:00+00', 'ada', 'c' || i || '/data.pkl'
            FROM generate_series(1, 7) i
            ON CONFLICT DO NOTHING;
            DELETE FROM scores;
            INSERT INTO scores (username, challenge_id, score, emd_score, created_at, status)
            VALUES ('ada', 'c3', 'NaN', 'Infinity', now(), 'completed'), ('ada', 'c3', 1, 1, now(), 'failed'),
                ('bob', 'c3', 0.25, 0.25, now(), 'pending');
            """
        );

    public ValueTask DisposeAsync()
    {
        client.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_challenge_shows_its_fields_and_its_number_of_participants()
    {
        var challenge = await client.GetFromJsonAsync<JsonElement>("/api/challenges/c3", CancellationToken);

        using var expected = JsonDocument.Parse(
            """
            {"challenge_id":"c3","title":"Challenge 3","description":"ü🎯","created_at":"2026-11-22T08:00:00Z","created_by":"ada","opens_on":null,"closes_on":null,"state":"open","rules":null,"participant_count":2,"dataset":"c3/data.pkl","mlmodel":null,"xaimethod":null}
            """
        );
        Assert.True(JsonElement.DeepEquals(expected.RootElement, challenge), challenge.ToString());
    }

    [Fact]
    public async Task Challenges_are_listed_the_newest_first_a_page_at_a_time()
    {
        using var first = await client.GetAsync("/api/challenges?limit=4", CancellationToken);
        var next = first.Headers.GetValues("Link").Single().Split('<', '>')[1];
        using var second = await client.GetAsync(new Uri(next, UriKind.Relative), CancellationToken);

        Assert.Equal(["c7", "c6", "c5", "c4"], await NamesAsync(first));
        Assert.Equal(["c3", "c2", "c1"], await NamesAsync(second));
        Assert.False(second.Headers.Contains("Link"));
    }

    [Fact]
    public async Task Scores_of_every_status_are_listed_and_NaN_is_null()
    {
        var scores = await client.GetFromJsonAsync<JsonElement>("/api/challenges/c3/scores", CancellationToken);

        Assert.Equal(
            ["bob pending 0.25", "ada failed 1", "ada completed "],
            scores
                .EnumerateArray()
                .Select(s => $"{s.GetProperty("username")} {s.GetProperty("status")} {s.GetProperty("emd_score")}")
        );
    }

    [Theory]
    [InlineData("/api/challenges/nobody")]
    [InlineData("/api/challenges/nobody/scores")]
    public async Task A_challenge_that_does_not_exist_is_not_found(string path)
    {
        using var answer = await client.GetAsync(new Uri(path, UriKind.Relative), CancellationToken);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
    }

    [Fact]
    public async Task The_document_describes_every_route_and_swagger_shows_it()
    {
        var document = await client.GetFromJsonAsync<JsonElement>("/openapi/v1.json", CancellationToken);
        var page = await client.GetStringAsync("/swagger/index.html", CancellationToken);

        var described =
            from path in document.GetProperty("paths").EnumerateObject()
            from operation in path.Value.EnumerateObject()
            select $"{operation.Name.ToUpperInvariant()} {path.Name}";
        var mapped =
            from endpoint in app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            let path = $"/{Regex.Replace(endpoint.RoutePattern.RawText!.Trim('/'), ":[^}]*", "")}"
            where endpoint.Metadata.GetMetadata<IExcludeFromDescriptionMetadata>() is null
            from method in endpoint.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods
            select $"{method} {path}";
        Assert.Equal(mapped.Order(), described.Order());
        Assert.Contains("GET /api/challenges/{challenge_id}/leaderboard", described);
        Assert.Contains("swagger-ui", page);
    }

    private static async Task<IEnumerable<string?>> NamesAsync(HttpResponseMessage answer) =>
        (await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken))
            .EnumerateArray()
            .Select(challenge => challenge.GetProperty("challenge_id").GetString());
}
