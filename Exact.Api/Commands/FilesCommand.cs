using System.CommandLine;
using System.Text.Json;
using Exact.Api.Operations;
using Exact.Infrastructure.Files;
using Exact.Infrastructure.Operations;

namespace Exact.Api.Commands;

/// <summary><c>files check</c>: compares the file store with the database.</summary>
internal static class FilesCommand
{
    public static Command Create(IServiceProvider services)
    {
        var adopt = new Option<bool>("--adopt")
        {
            Description = "Take over files that challenges name, such as media copied from Django.",
        };
        var delete = new Option<bool>("--delete-orphans")
        {
            Description = "Delete the files that no challenge or submission names, and the remains of uploads.",
        };
        var json = new Option<bool>("--json") { Description = "Print the report as JSON." };
        var check = new DatabaseCommand(
            "check",
            "List the files that are missing, altered or orphaned. Exit with 0 if there are none, 6 if there are."
        )
        {
            adopt,
            delete,
            json,
        };
        check.SetAction(
            async (parsed, cancellationToken) =>
            {
                await using var scope = services.CreateAsyncScope();
                var report = await scope
                    .ServiceProvider.GetRequiredService<FileCheck>()
                    .RunAsync(parsed.GetValue(adopt), parsed.GetValue(delete), cancellationToken);
                if (report.Findings.Where(finding => finding.IsDone).ToList() is { Count: > 0 } done)
                {
                    await scope
                        .ServiceProvider.GetRequiredService<ChangeJournal>()
                        .AddAsync(
                            Actors.CommandLine,
                            OperationKind.Files,
                            new { Files = done },
                            CancellationToken.None
                        );
                }

                if (parsed.GetValue(json))
                {
                    await Console.Out.WriteLineAsync(JsonSerializer.Serialize(report, Json.Indented));
                }
                else
                {
                    Print(report);
                }

                return report.Findings.All(finding => finding.IsDone) ? ExitCode.Done : ExitCode.FilesDiffer;
            }
        );
        return new Command("files", "Look after the stored files.") { check };
    }

    private static void Print(FileCheckReport report)
    {
        foreach (var finding in report.Findings)
        {
            var state = JsonNamingPolicy.KebabCaseLower.ConvertName(finding.State.ToString());
            Console.WriteLine($"{state, -12}{finding.Key}  {finding.Detail}");
        }

        var open = report.Findings.Count(finding => !finding.IsDone);
        Console.Error.WriteLine(
            $"Checked {report.Files} files with {report.Bytes} bytes. "
                + (report.Unfinished > 0 ? $"Deleted the remains of {report.Unfinished} uploads. " : "")
                + (open == 0 ? "Nothing is wrong." : $"Wrong: {open}.")
        );
    }
}
