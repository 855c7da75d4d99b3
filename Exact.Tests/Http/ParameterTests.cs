using System.Buffers.Text;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Exact.Tests.Support;

namespace Exact.Tests.Http;

/// <summary>No value of any parameter is an error of the service.</summary>
public sealed class ParameterTests(ExactApp app, ITestOutputHelper output) : IClassFixture<ExactApp>, IAsyncLifetime
{
    private const int Seed = 20261126;
    private const int Rounds = 100;

    private static readonly string[] Nasty =
    [
        "",
        "%20",
        "%00",
        "a%00b",
        "%0D%0AX:y",
        "%C3%28",
        "%ED%A0%80",
        "%F0%9F%98%80",
        "..",
        "../../etc/passwd",
        "'",
        "\"",
        "%5C",
        "%25",
        "0",
        "-1",
        "1",
        "1.5",
        "1e3",
        "%2B1",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "2147483648",
        "1000",
        "1001",
        "NaN",
        "null",
        "true",
        "TRUE",
        "no",
        "c1",
        "C1",
        "emd",
        "best",
        "json",
        "merge",
        "api.score",
        "api",
        "auth,api.score,,nope",
        "Europe/Berlin",
        "Europe",
        "UTC",
        "UTC%2B25",
        "MC4tMS4w",
        "MC4w",
        "MQ",
        "====",
        "*",
        "%F0%9F",
        "{id}",
        "%3Cscript%3E",
        "0001-01-01",
    ];

    private readonly HttpClient admin = app.CreateAdmin();

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() =>
        await app.Database.ExecuteAsync(
            """
            TRUNCATE challenges, scores, operations RESTART IDENTITY CASCADE;
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            VALUES ('c1', '', '', now(), 'ada');
            INSERT INTO scores (username, challenge_id, score, emd_score, created_at, status)
            SELECT 'p' || i, 'c1', i, i, now(), 'completed' FROM generate_series(1, 30) i;
            INSERT INTO operations (kind, actor, origin, started_at, state, finished_at)
            VALUES ('export', 'ada', 'test', now(), 'succeeded', now())
            """
        );

    public ValueTask DisposeAsync()
    {
        admin.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task No_value_of_any_parameter_of_any_route_is_an_error_of_the_service()
    {
        var document = await admin.GetFromJsonAsync<JsonElement>("/openapi/v1.json", CancellationToken);
        var random = new Random(Seed);
        var codes = new SortedDictionary<int, int>();
        foreach (var path in document.GetProperty("paths").EnumerateObject())
        {
            foreach (var operation in path.Value.EnumerateObject())
            {
                var parameters = operation.Value.TryGetProperty("parameters", out var all)
                    ? all.EnumerateArray().ToList()
                    : [];
                for (var round = 0; round < (parameters.Count == 0 ? 5 : Rounds); round++)
                {
                    var address = AddressOf(path.Name, parameters, random, out var asked);
                    using var request = new HttpRequestMessage(new(operation.Name.ToUpperInvariant()), address);
                    using var answer = await admin
                        .SendAsync(request, CancellationToken)
                        .WaitAsync(Wait.Limit, CancellationToken);
                    var text = await answer.Content.ReadAsStringAsync(CancellationToken);
                    var code = (int)answer.StatusCode;
                    codes[code] = codes.GetValueOrDefault(code) + 1;

                    Assert.True(code < 500, $"{request.Method} {address}: {code} {text}");
                    if (code >= 400)
                    {
                        string[] forms = operation.Value.TryGetProperty("deprecated", out _)
                            ? ["application/json", "application/problem+json"] // what the legacy client reads
                            : ["application/problem+json"];
                        Assert.Contains(answer.Content.Headers.ContentType?.MediaType, forms);
                        Assert.DoesNotContain("Failed to bind", text, StringComparison.Ordinal);
                    }

                    if (code == 400 && request.Method == HttpMethod.Get)
                    {
                        Assert.True(
                            JsonElement.Parse(text).TryGetProperty("errors", out var named),
                            $"{address}: {text}"
                        );
                        var errors = named.EnumerateObject();
                        Assert.All(
                            errors,
                            error => Assert.Contains(error.Name, asked, StringComparer.OrdinalIgnoreCase)
                        );
                        Assert.NotEmpty(errors);
                    }
                }
            }
        }

        output.WriteLine(
            $"seed {Seed}, {codes.Values.Sum()} requests: {string.Join(", ", codes.Select(code => $"{code.Value} × {code.Key}"))}"
        );
        Assert.InRange(codes.Values.Sum(), 1200, 6000);
        Assert.InRange(codes[200], 100, 5000);
        Assert.InRange(codes[400], 100, 5000);
    }

    [Theory]
    [InlineData("/api/challenges/c1/leaderboard?cursor=MC4tMS4w", "cursor", "not one of this list")]
    [InlineData(
        "/api/challenges/c1/leaderboard?challange=1",
        "challange",
        "It must be one of metric, entries, around, format, limit, cursor."
    )]
    [InlineData("/api/challenges/c1/leaderboard?metrics=emd", "metrics", "Did you mean metric?")]
    [InlineData("/api/challenges/c1/leaderboard?limit=1&limit=2", "limit", "once")]
    [InlineData("/api/challenges/c1?verbose", "verbose", "takes none")]
    [InlineData("/api/admin/export?challenge=%00", "challenge", "U+0000")]
    [InlineData("/api/admin/export?exclude=nope", "exclude", "There is no model 'nope'")]
    [InlineData("/api/admin/migrations/script?from=%20", "from", "There is no migration \" \".")]
    [InlineData("/api/admin/operations?cursor=MC4w", "cursor", "not one of this list")]
    [InlineData("/health/ready?verbose=1", "verbose", "takes none")]
    public async Task A_wrong_parameter_is_named(string address, string parameter, string reason)
    {
        using var answer = await admin.GetAsync(new Uri(address, UriKind.Relative), CancellationToken);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(reason, problem.GetProperty("errors").GetProperty(parameter)[0].GetString());
    }

    [Fact]
    public async Task An_unknown_parameter_does_not_tell_a_stranger_which_admin_routes_there_are()
    {
        using var stranger = app.CreateClient();
        using var answer = await stranger.GetAsync("/api/admin/export?nonsense=1", CancellationToken);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task The_document_says_that_a_wrong_parameter_is_refused_and_that_lists_have_a_total()
    {
        var document = await admin.GetFromJsonAsync<JsonElement>("/openapi/v1.json", CancellationToken);
        var answers =
            from path in document.GetProperty("paths").EnumerateObject()
            from operation in path.Value.EnumerateObject()
            select operation.Value.GetProperty("responses");
        var pages = answers.Where(answer =>
            answer.TryGetProperty("200", out var ok)
            && ok.TryGetProperty("headers", out var headers)
            && headers.TryGetProperty("X-Total-Count", out _)
        );

        Assert.All(answers, answer => Assert.True(answer.TryGetProperty("400", out _)));
        Assert.Equal(5, pages.Count());
    }

    private static string AddressOf(string path, List<JsonElement> parameters, Random random, out List<string> asked)
    {
        asked = [];
        var query = new List<string>();
        foreach (var parameter in parameters)
        {
            var name = parameter.GetProperty("name").GetString()!;
            if (parameter.GetProperty("in").GetString() == "path")
            {
                var value =
                    random.Next(3) == 0 ? Value(random)
                    : name == "id" ? "1"
                    : "c1";
                path = path.Replace(
                    $"{{{name}}}",
                    value is "" or "." or ".." || value.Contains("%00") ? "c1" : value,
                    StringComparison.Ordinal
                );
                asked.Add(name);
            }
            else if (random.Next(3) == 0)
            {
                query.AddRange(Enumerable.Repeat($"{name}={Value(random)}", random.Next(10) == 0 ? 2 : 1));
                asked.Add(name);
            }
        }

        if (random.Next(20) == 0)
        {
            query.Add("nonsense=1");
            asked.Add("nonsense");
        }

        return query.Count == 0 ? path : $"{path}?{string.Join('&', query)}";
    }

    private static string Value(Random random) =>
        random.Next(4) switch
        {
            0 => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(string.Join('.', Numbers(random)))),
            1 => Uri.EscapeDataString(
                new string([.. Enumerable.Range(0, random.Next(12)).Select(_ => (char)random.Next(1, 0xD7FF))])
            ),
            _ => Nasty[random.Next(Nasty.Length)],
        };

    private static IEnumerable<long> Numbers(Random random) =>
        Enumerable
            .Range(0, random.Next(1, 5))
            .Select(_ => random.Next(3) == 0 ? random.Next(-5, 50) : random.NextInt64(long.MinValue, long.MaxValue));
}
