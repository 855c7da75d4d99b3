using System.Diagnostics;
using Amazon.Runtime;
using Amazon.S3;
using Exact.Infrastructure.Database.Embedded;
using Exact.Infrastructure.Files;
using Exact.Tests.Support;

namespace Exact.Tests.Files;

/// <summary>An S3 server for a test class: the program <c>fauxqs</c>, if it is on the path.</summary>
public sealed class FauxS3 : IAsyncLifetime
{
    private const string Needed =
        "needs fauxqs, an S3 server, on the path: npm install --global fauxqs@1.9.2, with Node.js 20 or newer";

    private readonly int port = FreePort.Find();
    private Process? server;

    internal BucketOptions Options =>
        new()
        {
            Bucket = "exact",
            Prefix = "files/",
            ServiceUrl = $"http://127.0.0.1:{port}",
            PathStyle = true,
            AccessKey = "test",
            SecretKey = "test",
            PartBytes = BucketOptions.MinPartBytes,
        };

    internal AmazonS3Client Client { get; private set; } = null!;

    /// <summary>The same as settings of the service.</summary>
    public Dictionary<string, string?> Settings =>
        new()
        {
            ["Files:S3:Bucket"] = Options.Bucket,
            ["Files:S3:Prefix"] = Options.Prefix,
            ["Files:S3:ServiceUrl"] = Options.ServiceUrl,
            ["Files:S3:PathStyle"] = "true",
            ["Files:S3:AccessKey"] = Options.AccessKey,
            ["Files:S3:SecretKey"] = Options.SecretKey,
            ["Files:S3:PartBytes"] = $"{Options.PartBytes}",
        };

    public async ValueTask InitializeAsync()
    {
        var folders = Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator);
        if (folders.Select(folder => Path.Combine(folder, "fauxqs")).FirstOrDefault(File.Exists) is not { } program)
        {
            return;
        }

        var start = new ProcessStartInfo("node", [program])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["FAUXQS_PORT"] = $"{port}";
        server = Process.Start(start)!;
        server.OutputDataReceived += (_, _) => { };
        server.BeginOutputReadLine();
        Client = new(
            new BasicAWSCredentials("test", "test"),
            new AmazonS3Config { ServiceURL = Options.ServiceUrl, ForcePathStyle = true }
        );
        await Wait.UntilAsync(async () => server.HasExited || await AnswersAsync(), "the S3 server answers");
        if (!server.HasExited)
        {
            await Client.PutBucketAsync(Options.Bucket);
        }
    }

    public void SkipIfMissing() => Assert.SkipUnless(server is { HasExited: false }, Needed);

    public async ValueTask DisposeAsync()
    {
        Client?.Dispose();
        if (server is { HasExited: false })
        {
            server.Kill();
            await server.WaitForExitAsync();
        }

        server?.Dispose();
    }

    private async Task<bool> AnswersAsync()
    {
        using var client = new HttpClient { BaseAddress = new(Options.ServiceUrl!) };
        try
        {
            using var answer = await client.GetAsync(new Uri("/health", UriKind.Relative));
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
