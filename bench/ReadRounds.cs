using System.Buffers.Text;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Npgsql;

namespace Exact.Bench;

/// <summary>Reads while the board is large: one challenge has all scores, of 50 thousand participants, and 100 others have none.</summary>
internal sealed class ReadRounds(Workshop workshop, int scores)
{
    private const string Database = "reads";
    private const int Connections = 32;

    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(20);

    private static readonly (string What, string Path)[] Reads =
    [
        ("leaderboard page", "/api/challenges/large/leaderboard"),
        ("list of challenges", "/api/challenges"),
        ("one challenge", "/api/challenges/large"),
        ("leaderboard page, all entries", "/api/challenges/large/leaderboard?entries=all"),
        ("scores page", "/api/challenges/large/scores"),
    ];

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await workshop.CreateAsync(Database, cancellationToken);
        await workshop.ExecuteAsync(
            Database,
            $"""
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            SELECT CASE n WHEN 0 THEN 'large' ELSE 'c' || n END, 'Challenge ' || n, 'What does it look at?', now(), 'ada'
            FROM generate_series(0, 100) n;
            INSERT INTO scores (username, challenge_id, score, emd_score, emd_std, ima_score, created_at, status)
            SELECT 'user' || n % 50000, 'large', value, value, 0.1, random(), now() - n * interval '1 second', 'completed'
            FROM (SELECT n, round(random()::numeric, 4)::float8 AS value FROM generate_series(1, {scores}) n) one
            """,
            cancellationToken
        );
        await workshop.ExecuteAsync(Database, "VACUUM ANALYZE", cancellationToken);
        await workshop.SettleAsync(cancellationToken);
        await using var service = await Service.StartAsync(workshop.ConnectionString(Database), cancellationToken);
        Console.WriteLine("| what | p50 at 50/s | p99 at 50/s | requests/s at 32 connections | p99 |");
        Console.WriteLine("|---|---|---|---|---|");
        foreach (var (what, path) in Reads)
        {
            await LoadAsync(service.Port, path, 4, TimeSpan.Zero, cancellationToken); // compiles it
            var paced = await LoadAsync(service.Port, path, 1, Pace, cancellationToken);
            var full = await LoadAsync(service.Port, path, Connections, TimeSpan.Zero, cancellationToken);
            var rate = full.Length / Duration.TotalSeconds;
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {what} | {At(paced, 0.5):0.0} ms | {At(paced, 0.99):0.0} ms | {rate:0} | {At(full, 0.99):0.0} ms |"
                )
            );
        }

        var completions = await CompleteAsync(cancellationToken);
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"| completion of a score | {At(completions, 0.5):0.0} ms | {At(completions, 0.99):0.0} ms | | |"
            )
        );
    }

    /// <summary>Completes scores one after the other, 50 a second: each is an UPDATE, and the trigger derives its participant.</summary>
    private async Task<double[]> CompleteAsync(CancellationToken cancellationToken)
    {
        await using var connection = await workshop.ConnectAsync(Database, cancellationToken);
        await using var command = new NpgsqlCommand(
            "UPDATE scores SET status = 'completed', emd_score = random(), ima_score = random() WHERE id = $1",
            connection
        )
        {
            Parameters = { new NpgsqlParameter<long>() },
        };
        await command.PrepareAsync(cancellationToken);
        var start = Stopwatch.StartNew();
        var times = new List<double>();
        while (start.Elapsed < Duration)
        {
            if (Pace * times.Count - start.Elapsed is var early && early > TimeSpan.Zero)
            {
                await Task.Delay(early, cancellationToken);
            }

            command.Parameters[0].Value = 1 + (times.Count * 7919L % scores);
            var watch = Stopwatch.StartNew();
            await command.ExecuteNonQueryAsync(cancellationToken);
            times.Add(watch.Elapsed.TotalMilliseconds);
        }

        return [.. times.Order()];
    }

    /// <summary>Asks again and again, each connection when it has its answer, or once an interval.</summary>
    /// <returns>The milliseconds of each answer, sorted.</returns>
    private static async Task<double[]> LoadAsync(
        int port,
        string path,
        int connections,
        TimeSpan every,
        CancellationToken cancellationToken
    )
    {
        var request = Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
        var start = Stopwatch.StartNew();
        var times = await Task.WhenAll(
            Enumerable
                .Range(0, connections)
                .Select(async _ =>
                {
                    using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                    await socket.ConnectAsync("127.0.0.1", port, cancellationToken);
                    var buffer = new byte[256 * 1024];
                    var answers = new List<double>();
                    while (start.Elapsed < Duration)
                    {
                        if (every * answers.Count - start.Elapsed is var early && early > TimeSpan.Zero)
                        {
                            await Task.Delay(early, cancellationToken);
                        }

                        var watch = Stopwatch.StartNew();
                        await socket.SendAsync(request, cancellationToken);
                        await ReceiveAsync(socket, buffer, cancellationToken);
                        answers.Add(watch.Elapsed.TotalMilliseconds);
                    }

                    return answers;
                })
        );
        return [.. times.SelectMany(answers => answers).Order()];
    }

    /// <summary>Receives one answer: as long as it says, or up to the empty chunk.</summary>
    private static async Task ReceiveAsync(Socket socket, byte[] buffer, CancellationToken cancellationToken)
    {
        var length = 0;
        do
        {
            var received = await socket.ReceiveAsync(buffer.AsMemory(length), cancellationToken);
            length += received > 0 ? received : throw new InvalidOperationException("The service closed a connection.");
        } while (!IsWhole(buffer.AsSpan(0, length)));

        if (!buffer.AsSpan().StartsWith("HTTP/1.1 200"u8))
        {
            throw new InvalidOperationException(Encoding.UTF8.GetString(buffer.AsSpan(0, length)));
        }
    }

    private static bool IsWhole(ReadOnlySpan<byte> answer)
    {
        var head = answer.IndexOf("\r\n\r\n"u8);
        var said = head < 0 ? -1 : answer[..head].IndexOf("Content-Length: "u8);
        return said >= 0 && Utf8Parser.TryParse(answer[(said + 16)..], out int body, out _)
            ? answer.Length == head + 4 + body
            : answer.EndsWith("\r\n0\r\n\r\n"u8);
    }

    private static double At(double[] sorted, double part) => sorted[(int)(part * (sorted.Length - 1))];
}
