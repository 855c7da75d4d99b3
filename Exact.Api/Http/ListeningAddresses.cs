using System.Collections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Exact.Api.Http;

/// <summary>Notes the addresses that the service listens on, for the <c>health</c> command beside it.</summary>
/// <remarks>
/// The environment, which both share, names the file, because it does not tell every address: <c>--urls</c> and
/// appsettings.json do, too.
/// </remarks>
internal sealed class ListeningAddresses(IServer server) : IHostedLifecycleService
{
    private static readonly string[] Prefixes = ["ASPNETCORE_", "DOTNET_", ""];

    /// <summary>Where the service beside this process listens, the most likely address first.</summary>
    public static IEnumerable<string> Find()
    {
        var configured = Configured().ToList();
        var file = FileFor(configured);
        var noted = File.Exists(file) ? File.ReadAllLines(file) : [];
        return noted.Concat(configured).Append("http://localhost:5000").Distinct();
    }

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (server.Features.Get<IServerAddressesFeature>()?.Addresses is { Count: > 0 } addresses)
            {
                File.WriteAllLines(FileFor(Configured()), addresses);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // without the file, health asks where the environment says
        }

        return Task.CompletedTask;
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>The addresses in the environment, in Kestrel's own order of precedence.</summary>
    private static IEnumerable<string> Configured()
    {
        var endpoints =
            from DictionaryEntry variable in Environment.GetEnvironmentVariables()
            let name = (string)variable.Key
            where
                name.StartsWith("Kestrel__Endpoints__", StringComparison.OrdinalIgnoreCase)
                && name.EndsWith("__Url", StringComparison.OrdinalIgnoreCase)
            orderby name
            select (string)variable.Value!;
        return endpoints
            .Concat(Values("URLS"))
            .Concat(Values("HTTP_PORTS").Select(port => $"http://localhost:{port}"))
            .Concat(Values("HTTPS_PORTS").Select(port => $"https://localhost:{port}"));
    }

    private static IEnumerable<string> Values(string name) =>
        Prefixes
            .Select(prefix => Environment.GetEnvironmentVariable(prefix + name))
            .FirstOrDefault(value => value is { Length: > 0 })
            ?.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
        ?? [];

    private static string FileFor(IEnumerable<string> configured) =>
        Path.Combine(
            Path.GetTempPath(),
            $"exact-listens{string.Concat(string.Join(';', configured).Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-').Take(150))}"
        );
}
