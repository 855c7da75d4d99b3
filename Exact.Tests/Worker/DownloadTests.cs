using System.Net;
using System.Net.Sockets;
using System.Text;
using Exact.Api.Submissions;
using Exact.Api.Worker;
using Exact.Domain;
using Microsoft.Extensions.Logging.Abstractions;

namespace Exact.Tests.Worker;

/// <summary>The reference worker at a server whose downloads break.</summary>
public sealed class DownloadTests : IDisposable
{
    private const int Length = 900_000;

    private readonly TcpListener server = new(IPAddress.Loopback, 0);
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("exact-download-");
    private readonly HttpClient http;

    public DownloadTests()
    {
        server.Start();
        http = new() { BaseAddress = new($"http://{server.LocalEndpoint}") };
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        http.Dispose();
        server.Dispose();
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_download_that_breaks_is_begun_again()
    {
        var serving = ServeAsync(400_000, 0, Length);
        var path = Path.Combine(folder.FullName, "method");

        await Client().DownloadAsync(new("/method", "method.py", Length, null), path, Cancellation);

        Assert.Equal(Length, new FileInfo(path).Length);
        await serving;
    }

    [Fact]
    public async Task A_download_that_never_ends_whole_is_given_back_as_the_fault_of_the_machine()
    {
        var serving = ServeAsync([.. Enumerable.Repeat(400_000, WorkerClient.MaxDownloads)]);
        var claim = new ClaimResponse
        {
            SubmissionId = 1,
            Lease = Guid.NewGuid(),
            LeaseUntil = default,
            HeartbeatSeconds = 40,
            Attempt = 1,
            Metrics = [Metric.Emd],
            Username = "bob",
            MethodName = null,
            Challenge = new("c", "C"),
            Files = new(new("/method", "method.py", Length, null), null, null, null),
        };

        var outcome = await new Evaluation(claim, Settings(), Client()).RunAsync(folder.FullName, Cancellation);

        var report = Assert.IsType<FailRequest>(outcome.Report);
        Assert.True(report.Infrastructure);
        Assert.StartsWith("The download of /method broke 8 times: ", report.Error, StringComparison.Ordinal);
        await serving;
    }

    [Fact]
    public async Task A_download_that_falls_silent_is_begun_again()
    {
        var path = Path.Combine(folder.FullName, "method");
        var downloading = Client(TimeSpan.FromSeconds(0.2))
            .DownloadAsync(new("/method", "method.py", Length, null), path, Cancellation);
        using var silent = await AcceptAsync(400_000);

        await ServeAsync(Length);

        await downloading;
        Assert.Equal(Length, new FileInfo(path).Length);
    }

    private WorkerClient Client(TimeSpan? silence = null) =>
        new(http, NullLogger.Instance)
        {
            FirstPause = TimeSpan.FromMilliseconds(1),
            LongestSilence = silence ?? TimeSpan.FromMinutes(1),
        };

    private WorkerSettings Settings() =>
        new()
        {
            Name = "w1",
            Commands = [new([Metric.Emd], "true")],
            Timeout = TimeSpan.FromMinutes(1),
            Folder = folder.FullName,
        };

    /// <summary>Answers one request after another with so many of the bytes that it announces.</summary>
    private async Task ServeAsync(params int[] sent)
    {
        foreach (var count in sent)
        {
            using var client = await AcceptAsync(count);
            client.Client.Shutdown(SocketShutdown.Send);
        }
    }

    private async Task<TcpClient> AcceptAsync(int count)
    {
        var client = await server.AcceptTcpClientAsync(Cancellation);
        var stream = client.GetStream();
        using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
        while (await reader.ReadLineAsync(Cancellation) is { Length: > 0 })
        {
            // the headers
        }

        var head = $"HTTP/1.1 200 OK\r\nContent-Length: {Length}\r\nConnection: close\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head), Cancellation);
        await stream.WriteAsync(new byte[count], Cancellation);
        return client;
    }
}
