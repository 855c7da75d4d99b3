using System.Buffers.Text;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

namespace Exact.Bench;

/// <summary>How long a service took for each answer to the same request, over and over.</summary>
internal sealed class Load(double[] milliseconds)
{
    public static readonly TimeSpan Duration = TimeSpan.FromSeconds(10);

    private readonly double[] sorted = [.. milliseconds.Order()];

    /// <summary>Answers a second.</summary>
    public double Rate => sorted.Length / Duration.TotalSeconds;

    /// <summary>The milliseconds within which this part of the answers came.</summary>
    public double At(double part) => sorted[(int)(part * (sorted.Length - 1))];

    /// <summary>Asks again and again, each connection when it has its answer, or once an interval.</summary>
    public static async Task<Load> RunAsync(
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
        return new([.. times.SelectMany(answers => answers)]);
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
}
