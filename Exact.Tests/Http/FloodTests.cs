using System.Net;
using System.Net.Sockets;
using Exact.Tests.Support;

namespace Exact.Tests.Http;

/// <summary>Clients that are slow, or many, take nothing from the others, and are let go.</summary>
public sealed class FloodTests(FloodApp app) : IClassFixture<FloodApp>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static readonly string[] Posts =
    [
        "/api/account/login",
        "/api/account/register",
        "/api/worker/claim",
        "/login",
    ];

    [Fact]
    public Task Connections_without_a_whole_request_are_closed_while_others_are_served() =>
        SurviveAsync(500, i => i % 2 == 0 ? "" : "GET /api/challenges HTTP/1.1\r\nHost: exact\r\nX-Slow: ");

    /// <summary>From many addresses, because one address may have 20 requests.</summary>
    [Fact]
    public Task Bodies_that_do_not_end_hold_no_database_connection() =>
        SurviveAsync(
            200,
            i =>
                $"POST {Posts[i % Posts.Length]} HTTP/1.1\r\nHost: exact\r\n{ExactApp.Sender}: 10.1.{i}.1\r\n"
                + $"Authorization: Bearer {ExactApp.AdminKey}\r\n"
                + "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"username\": \"a"
        );

    [Fact]
    public async Task Downloads_that_nobody_reads_hold_no_database_connection()
    {
        await using (var file = File.Create(Path.Combine(app.Files, "big.bin")))
        {
            file.SetLength(64 * 1024 * 1024);
        }

        await app.Database.ExecuteAsync(
            $"""
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by, dataset)
            VALUES ('big', 'Big', '', now(), 'ada', 'big.bin');
            INSERT INTO stored_files (key, original_name, content_type, size, sha256, created_at, created_by)
            VALUES ('big.bin', 'big.bin', 'application/octet-stream', {64 * 1024 * 1024}, repeat('0', 64), now(), 'ada')
            """
        );

        await SurviveAsync(
            50,
            i => $"GET /api/challenges/big/dataset HTTP/1.1\r\nHost: exact\r\n{ExactApp.Sender}: 10.2.{i}.1\r\n\r\n"
        );
    }

    /// <summary>Others are served while these connections are there, which the server then closes.</summary>
    private async Task SurviveAsync(int count, Func<int, string> sent)
    {
        var flood = await Task.WhenAll(Enumerable.Range(0, count).Select(i => app.ConnectAsync(sent(i))));
        try
        {
            using var visitor = app.CreateVisitor();
            foreach (var path in (string[])["/api/challenges", "/health/ready", "/openapi/v1.json"])
            {
                using var answer = await visitor.GetAsync(path, Cancellation);
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            }

            await Wait.UntilAsync(() => Task.FromResult(flood.All(HasEnded)), "the server has closed every connection");
            using var after = await visitor.GetAsync("/api/challenges", Cancellation);
            Assert.Equal(HttpStatusCode.OK, after.StatusCode);
        }
        finally
        {
            foreach (var socket in flood)
            {
                socket.Dispose();
            }
        }
    }

    /// <summary>Reads what is there; the end, or a reset, is the server's.</summary>
    private static bool HasEnded(Socket socket)
    {
        try
        {
            if (!socket.Poll(0, SelectMode.SelectRead))
            {
                return false;
            }

            // A client that reads nothing sees no end; the reset of its connection is an error of the socket.
            var error = (int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)!;
            return error != 0 || socket.Available == 0 || Peek(socket);
        }
        catch (SocketException)
        {
            return true;
        }
    }

    /// <summary>Whether the short answer before the end has come, such as 408.</summary>
    private static bool Peek(Socket socket)
    {
        var answer = new byte[4096];
        var read = socket.Receive(answer, SocketFlags.None);
        return read == 0;
    }
}
