using System.CommandLine;
using System.Text.Json;
using Exact.Api.AdminConsole;
using Spectre.Console;

namespace Exact.Api.Commands;

/// <summary><c>doctor</c>: checks what Exact needs, and says what to do about what is wrong.</summary>
internal static class DoctorCommand
{
    private static readonly Dictionary<Health, string> Colours = new()
    {
        [Health.Ok] = "green",
        [Health.Warning] = "yellow",
        [Health.Wrong] = "red",
    };

    public static Command Create(IServiceProvider services)
    {
        var json = new Option<bool>("--json") { Description = "Print the findings as JSON." };
        var command = new DatabaseCommand(
            "doctor",
            "Check settings, database, rights, folders, disks, clock and versions. Exit with 1 if something is wrong."
        )
        {
            json,
        };
        command.SetAction(
            async (parsed, cancellationToken) =>
            {
                var findings = await new Doctor(services).ExamineAsync(cancellationToken);
                if (parsed.GetValue(json))
                {
                    await Console.Out.WriteLineAsync(JsonSerializer.Serialize(findings, Json.Indented));
                }
                else
                {
                    Print(findings, AnsiConsole.Create(new() { Out = new AnsiConsoleOutput(Console.Out) }));
                }

                return findings.Any(finding => finding.Health is Health.Wrong) ? ExitCode.Failed : ExitCode.Done;
            }
        );
        return command;
    }

    /// <summary>One line for each finding, with colours on a terminal only.</summary>
    internal static void Print(IReadOnlyList<Finding> findings, IAnsiConsole console)
    {
        console.Profile.Width = short.MaxValue; // the terminal wraps long lines itself
        foreach (var finding in findings)
        {
            var health = Show.Name(finding.Health).PadRight(9);
            console.Markup($"[{Colours[finding.Health]}]{health}[/]");
            console.WriteLine($"{finding.About, -10}{finding.Detail}");
        }
    }
}
