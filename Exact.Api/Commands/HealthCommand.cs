using System.CommandLine;

namespace Exact.Api.Commands;

/// <summary><c>health</c>: asks the running service, for a container's health check where no curl is installed.</summary>
internal static class HealthCommand
{
    public static Command Create(IConfiguration configuration)
    {
        var command = new Command("health", "Exit with 0 if the service on this machine is ready, 1 if not.");
        command.SetAction(
            async (_, cancellationToken) =>
            {
                var port = configuration["HTTP_PORTS"]?.Split(';')[0] ?? "8000";
                using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(3) };
                using var answer = await client.GetAsync($"http://localhost:{port}/health/ready", cancellationToken);
                await Console.Out.WriteLineAsync(await answer.Content.ReadAsStringAsync(cancellationToken));
                return answer.IsSuccessStatusCode ? ExitCode.Done : ExitCode.Failed;
            }
        );
        return command;
    }
}
