using System.CommandLine;
using System.Net;
using System.Text.RegularExpressions;
using Exact.Api.Http;

namespace Exact.Api.Commands;

/// <summary><c>health</c>: checks the running service, for a container that has no curl.</summary>
/// <remarks>A container runs it every few seconds, so it does without the host.</remarks>
internal static partial class HealthCommand
{
    public const string Name = "health";

    public static Command Create(IConfiguration configuration)
    {
        var command = new Command(Name, "Exit with 0 if the service on this machine is ready, 1 if not.");
        command.SetAction((_, _) => RunAsync(configuration["urls"]?.Split(';')));
        return command;
    }

    /// <param name="addresses">Where the service listens; by default as <see cref="ListeningAddresses"/> tells.</param>
    public static async Task<int> RunAsync(IEnumerable<string>? addresses = null)
    {
        using var client = new HttpClient(
            new SocketsHttpHandler
            {
                UseProxy = false,
                // The certificate names the public address, not this one.
                SslOptions = { RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null },
            }
        )
        {
            Timeout = TimeSpan.FromSeconds(5),
        };
        foreach (var address in addresses ?? ListeningAddresses.Find())
        {
            try
            {
                var (isReady, answer) = await AskAsync(client, new Uri(ThisMachine(address)));
                await Console.Out.WriteLineAsync(answer);
                return isReady ? ExitCode.Done : ExitCode.Failed;
            }
            catch (HttpRequestException)
            {
                // nobody listens there
            }
            catch (Exception e) when (e is OperationCanceledException or UriFormatException)
            {
                await Console.Error.WriteLineAsync($"Exact does not answer at {address}.");
                return ExitCode.Failed;
            }
        }

        await Console.Error.WriteLineAsync("Exact does not listen here. Name its address: health --urls http://…");
        return ExitCode.Failed;
    }

    private static async Task<(bool IsReady, string Answer)> AskAsync(HttpClient client, Uri address)
    {
        var ready = new Uri(address, "/health/ready");
        using var answer = await client.GetAsync(ready);
        if (answer.StatusCode is not HttpStatusCode.BadRequest)
        {
            return (answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        }

        // The endpoint speaks only HTTP/2.
        using var request = new HttpRequestMessage(HttpMethod.Get, ready)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        using var second = await client.SendAsync(request);
        return (second.IsSuccessStatusCode, await second.Content.ReadAsStringAsync());
    }

    /// <summary>An address that a client can connect to, without the resolver.</summary>
    private static string ThisMachine(string address) => Host.Replace(address, "127.0.0.1");

    [GeneratedRegex(@"(?<=://)(\*|\+|localhost|0\.0\.0\.0|\[::\])")]
    private static partial Regex Host { get; }
}
