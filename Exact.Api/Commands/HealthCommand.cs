using System.CommandLine;
using System.Text.RegularExpressions;

namespace Exact.Api.Commands;

/// <summary><c>health</c>: checks the running service, for a container that has no curl.</summary>
internal static partial class HealthCommand
{
    public static Command Create(IConfiguration configuration)
    {
        var command = new Command("health", "Exit with 0 if the service on this machine is ready, 1 if not.");
        command.SetAction(
            async (_, cancellationToken) =>
            {
                using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(3) };
                using var answer = await client.GetAsync($"{Address(configuration)}/health/ready", cancellationToken);
                await Console.Out.WriteLineAsync(await answer.Content.ReadAsStringAsync(cancellationToken));
                return answer.IsSuccessStatusCode ? ExitCode.Done : ExitCode.Failed;
            }
        );
        return command;
    }

    private static string Address(IConfiguration configuration) =>
        configuration["urls"] is { Length: > 0 } urls
            ? Everywhere.Replace(urls.Split(';')[0].TrimEnd('/'), "localhost")
            : $"http://localhost:{configuration["HTTP_PORTS"]?.Split(';')[0] ?? "8000"}";

    /// <summary>Addresses that a server listens on and a client cannot connect to.</summary>
    [GeneratedRegex(@"(?<=://)(\*|\+|0\.0\.0\.0|\[::\])")]
    private static partial Regex Everywhere { get; }
}
