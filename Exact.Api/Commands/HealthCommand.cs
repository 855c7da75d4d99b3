using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Exact.Api.Http;

namespace Exact.Api.Commands;

/// <summary><c>health</c>: checks the running service, for a container that has no curl.</summary>
/// <remarks>
/// A container runs it every few seconds, so it does without the host, and without <see cref="HttpClient"/>, which
/// costs as much as the rest, where a plain request will do.
/// </remarks>
internal static class HealthCommand
{
    public const string Name = "health";

    private const int Seconds = 5;

    public static Command Create()
    {
        var urls = new Option<string>("--urls") { Description = "Where the service listens, if it is not found." };
        var command = new Command(Name, "Exit with 0 if the service on this machine is ready, 1 if not.") { urls };
        command.SetAction((parsed, _) => RunAsync(parsed.GetValue(urls)?.Split(';')));
        return command;
    }

    /// <param name="addresses">Where the service listens; by default as <see cref="ListeningAddresses"/> tells.</param>
    public static async Task<int> RunAsync(IEnumerable<string>? addresses = null)
    {
        foreach (var address in addresses ?? ListeningAddresses.Find())
        {
            try
            {
                var at = new Uri(OnThisMachine(address));
                var (status, answer) = at.Scheme is "http" ? Ask(at) : await AskAsync(at, HttpVersion.Version11);
                if (status is HttpStatusCode.BadRequest)
                {
                    // the only version that some endpoints speak
                    (status, answer) = await AskAsync(at, HttpVersion.Version20);
                }

                using var output = Console.OpenStandardOutput();
                output.Write(Encoding.UTF8.GetBytes($"{answer}\n"));
                return status is HttpStatusCode.OK ? ExitCode.Done : ExitCode.Failed;
            }
            catch (Exception e) when (e is SocketException { SocketErrorCode: SocketError.ConnectionRefused })
            {
                // nobody listens there
            }
            catch (Exception e)
                when (e is SocketException or HttpRequestException or OperationCanceledException or UriFormatException)
            {
                await Console.Error.WriteLineAsync($"Exact does not answer at {address}: {e.Message}");
                return ExitCode.Failed;
            }
        }

        await Console.Error.WriteLineAsync("Exact does not listen here. Name its address: health --urls http://…");
        return ExitCode.Failed;
    }

    /// <summary>Asks in HTTP/1.0, which ends the answer with the connection and needs no host name.</summary>
    private static (HttpStatusCode Status, string Answer) Ask(Uri address)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp)
        {
            SendTimeout = Seconds * 1000,
            ReceiveTimeout = Seconds * 1000,
        };
        socket.Connect(address.DnsSafeHost, address.Port);
        socket.Send("GET /health/ready HTTP/1.0\r\n\r\n"u8);
        var answer = new byte[64 * 1024];
        var length = 0;
        while (length < answer.Length && socket.Receive(answer.AsSpan(length)) is var read and > 0)
        {
            length += read;
        }

        var text = Encoding.UTF8.GetString(answer, 0, length);
        var body = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        return text.StartsWith("HTTP/", StringComparison.Ordinal) && body > 0
            ? ((HttpStatusCode)int.Parse(text.AsSpan(9, 3)), text[(body + 4)..])
            : (HttpStatusCode.BadRequest, text);
    }

    private static async Task<(HttpStatusCode Status, string Answer)> AskAsync(Uri address, Version version)
    {
        using var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            // The certificate names the public address, not this one.
            SslOptions = { RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null },
        };
        using var client = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(Seconds) };
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(address, "/health/ready"))
        {
            Version = version,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrHigher,
        };
        using var answer = await client.SendAsync(request);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>Where a client can connect, without a resolver, if the server listens on all addresses.</summary>
    private static string OnThisMachine(string address)
    {
        foreach (var host in (ReadOnlySpan<string>)["*", "+", "localhost", "0.0.0.0", "[::]"])
        {
            var all = $"://{host}";
            if (
                address.Contains($"{all}:", StringComparison.OrdinalIgnoreCase)
                || address.EndsWith(all, StringComparison.OrdinalIgnoreCase)
            )
            {
                return address.Replace(all, "://127.0.0.1", StringComparison.OrdinalIgnoreCase);
            }
        }

        return address;
    }
}
