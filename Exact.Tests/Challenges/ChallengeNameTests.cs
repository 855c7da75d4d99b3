using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Exact.Infrastructure.Migrating;
using Exact.Tests.Support;
using Exact.Tests.Transfer;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Tests.Challenges;

/// <summary>A challenge that can be imported can be reached, on the real server, whatever its name is.</summary>
public sealed class ChallengeNameTests(ExactApp app) : IClassFixture<ExactApp>
{
    private static readonly string[] Names =
    [
        "emd/linear",
        "a%2Fb",
        "a%2fb",
        "a/b",
        "a%252Fb",
        "a%2Fb/c%2fd",
        "/",
        "//",
        "/../",
        "../x",
        "./",
        "...",
        "100%",
        "%",
        "%zz",
        "%41",
        "%00",
        "?",
        "#1",
        "a&b=c",
        "a+b",
        " ",
        " x ",
        "\t",
        "line\nbreak",
        "\u0001",
        "\u007F",
        "\\",
        "a\\..\\b",
        "*",
        "{challenge_id}",
        ":",
        ";v=1",
        "\"<>|^`",
        "~",
        "scores",
        "leaderboard",
        "größe 🎯",
        "é",
        "e\u0301",
        "\uFEFF",
        "\u202E",
        new('ü', 100),
    ];

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_name_that_is_imported_has_its_own_address()
    {
        await using var server = app.WithWebHostBuilder(_ => { });
        server.UseKestrel(0);
        server.StartServer();
        await server.Services.GetRequiredService<SchemaState>().WhenReadyAsync(CancellationToken);
        var port = server.ClientOptions.BaseAddress.Port;
        var challenges = Names.Select(
            (name, index) =>
                JsonSerializer.Serialize(
                    new
                    {
                        model = "api.challenge",
                        pk = index + 1,
                        fields = new { challenge_id = name, title = $"{index}" },
                    }
                )
        );
        var ofScores = Names.Select(
            (name, index) =>
                JsonSerializer.Serialize(
                    new
                    {
                        model = "api.score",
                        pk = index + 1,
                        fields = new
                        {
                            challenge_id = name,
                            username = $"user-{index}",
                            score = 1,
                        },
                    }
                )
        );
        var file = Encoding.UTF8.GetBytes(Sample.Fixture([.. challenges, .. ofScores]));
        using (var admin = app.CreateAdmin())
        using (var answer = await admin.PostAsync("/api/admin/import", new ByteArrayContent(file), CancellationToken))
        {
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        var lost = new List<string>();
        foreach (var (index, name) in Names.Index())
        {
            var path = $"/api/challenges/{Uri.EscapeDataString(name)}";
            var challenge = await GetAsync(port, path);
            var scores = await GetAsync(port, $"{path}/scores?limit=1");
            var leaderboard = await GetAsync(port, $"{path}/leaderboard");
            if (
                !challenge.Contains($"\"title\":\"{index}\"", StringComparison.Ordinal)
                || !scores.Contains($"\"user-{index}\"", StringComparison.Ordinal)
                || !scores.Contains($"Link: <{path}/scores?limit=1&cursor=", StringComparison.Ordinal)
                || !leaderboard.Contains($"\"user-{index}\"", StringComparison.Ordinal)
            )
            {
                lost.Add($"{path}: {challenge} {scores} {leaderboard}");
            }
        }

        Assert.Empty(lost);
    }

    /// <summary>Sends the path as it is, which <see cref="HttpClient"/> would not.</summary>
    private static async Task<string> GetAsync(int port, string path)
    {
        using var connection = new TcpClient();
        await connection.ConnectAsync(IPAddress.Loopback, port, CancellationToken);
        await using var stream = connection.GetStream();
        var request = $"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request), CancellationToken);
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync(CancellationToken);
    }
}
