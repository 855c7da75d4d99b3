using System.CommandLine;
using System.Text.Json;
using Exact.Api.Commands.Remote;
using Exact.Infrastructure.Migrating;

namespace Exact.Api.Commands;

/// <summary><c>status</c>: reports the state of the migrations as text, as JSON or as an exit code.</summary>
internal static class StatusCommand
{
    public static Command Create(IServiceProvider services)
    {
        var json = new Option<bool>("--json") { Description = "Print the response of GET /api/admin/migrations." };
        var check = new Option<bool>("--check")
        {
            Description = "Exit with 0 if current, 3 if pending or migrating, 4 if ahead, 5 if drifted, 1 otherwise.",
        };
        var command = new DatabaseCommand("status", "Show the state of the migrations.") { json, check };
        var remote = new RemoteOptions(command);
        command.SetAction(
            async (parsed, cancellationToken) =>
            {
                using var service = remote.Open(parsed);
                var status = service is null
                    ? await ReadAsync(services, cancellationToken)
                    : await service.GetAsync<MigrationStatus>(MigrateCommand.Path, cancellationToken);
                if (parsed.GetValue(json))
                {
                    await Console.Out.WriteLineAsync(JsonSerializer.Serialize(status, Json.Indented));
                }
                else
                {
                    Print(status);
                }

                return parsed.GetValue(check) ? ExitCodeOf(status.State) : ExitCode.Done;
            }
        );
        return command;
    }

    private static async Task<MigrationStatus> ReadAsync(
        IServiceProvider services,
        CancellationToken cancellationToken
    ) =>
        await services
            .GetRequiredService<MigrationStatusReader>()
            .ReadAsync(MigrationStatusReader.InFull, cancellationToken) with
        {
            Process = null,
        };

    private static void Print(MigrationStatus status)
    {
        Console.WriteLine($"{status.State.ToString().ToLowerInvariant()}: {status.Detail}");
        foreach (var applied in status.Applied)
        {
            Console.WriteLine(
                $"  applied  {applied.Id}  {applied.AppliedAt:u}  {applied.Seconds:0.000} s  by {applied.AppliedBy}"
            );
        }

        foreach (var pending in status.Pending)
        {
            Console.WriteLine($"  pending  {pending}");
        }

        foreach (var warning in status.Warnings)
        {
            Console.WriteLine($"  warning  {warning}");
        }

        foreach (var finding in status.Drift ?? [])
        {
            Console.WriteLine($"  {(finding.Harmless ? "note " : "drift")}    {finding}");
            if (finding.Fix is { } fix)
            {
                Console.WriteLine($"           {fix.ReplaceLineEndings("\n           ")}");
            }
        }
    }

    private static int ExitCodeOf(MigrationState state) =>
        state switch
        {
            MigrationState.Current => ExitCode.Done,
            MigrationState.Pending or MigrationState.Migrating => ExitCode.Pending,
            MigrationState.Ahead => ExitCode.Ahead,
            MigrationState.Drifted => ExitCode.Drifted,
            _ => ExitCode.Failed,
        };
}
