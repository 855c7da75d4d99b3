using System.CommandLine;
using System.Text.Json;
using Exact.Api.Admin;
using Exact.Infrastructure.Fixtures;
using Exact.Infrastructure.Migrating;

namespace Exact.Api.Commands;

/// <summary><c>import</c>: a fixture from a file or from stdin; the report goes to stdout.</summary>
internal static class ImportCommand
{
    public static Command Create(IServiceProvider services)
    {
        var file = new Argument<string>("file")
        {
            Description = "The fixture, as it is or packed with gzip; - reads stdin.",
        };
        var mode = new Option<ImportMode>("--mode") { Description = "What happens to rows that exist." };
        var missing = new Option<MissingFields>("--missing")
        {
            Description = "What happens to columns that a record does not mention, on update.",
        };
        var unknown = new Option<WhenFound>("--unknown")
        {
            Description = "Models and fields that Exact does not know.",
        };
        var orphans = new Option<WhenFound>("--orphans") { Description = "Records whose parent is nowhere." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Say what would happen, and change nothing." };
        var command = new DatabaseCommand("import", "Import a fixture: all of it, or nothing.")
        {
            file,
            mode,
            missing,
            unknown,
            orphans,
            dryRun,
        };
        command.SetAction(
            (parsed, cancellationToken) =>
                RunAsync(
                    services,
                    parsed.GetValue(file)!,
                    new()
                    {
                        Mode = parsed.GetValue(mode),
                        Missing = parsed.GetValue(missing),
                        Unknown = parsed.GetValue(unknown),
                        Orphans = parsed.GetValue(orphans),
                        DryRun = parsed.GetValue(dryRun),
                    },
                    cancellationToken
                )
        );
        return command;
    }

    private static async Task<int> RunAsync(
        IServiceProvider services,
        string file,
        ImportOptions options,
        CancellationToken cancellationToken
    )
    {
        await using var content = file == "-" ? Console.OpenStandardInput() : File.OpenRead(file);
        await using var source = new UploadStream(content, packed => packed, long.MaxValue, _ => Task.CompletedTask);
        await services.GetRequiredService<DatabaseMigrator>().MigrateAsync(CommandLine.Actor, cancellationToken);
        var outcome = await services
            .GetRequiredService<TransferService>()
            .ImportAsync(source, options, CommandLine.Actor, cancellationToken);
        switch (outcome)
        {
            case ImportOutcome.Imported { Report: var report }:
                await Console.Out.WriteLineAsync(JsonSerializer.Serialize(report, Json.Indented));
                return ExitCode.Done;
            case ImportOutcome.NotJson { Error: var error }:
                await Console.Error.WriteLineAsync($"{error.Describe()} Nothing was changed.");
                return ExitCode.Failed;
            case ImportOutcome.Rejected rejected:
                foreach (var error in rejected.Errors)
                {
                    await Console.Error.WriteLineAsync(Describe(error));
                }

                await Console.Error.WriteLineAsync($"{rejected.Summary}; nothing was changed.");
                return ExitCode.Failed;
            case ImportOutcome.Blocked blocked:
                await Console.Error.WriteLineAsync(blocked.Detail);
                return ExitCode.Failed;
            case ImportOutcome.Stalled stalled:
                await Console.Error.WriteLineAsync(stalled.Detail);
                return ExitCode.Failed;
            default:
                await Console.Error.WriteLineAsync("Another import is running; nothing was changed.");
                return ExitCode.Failed;
        }
    }

    private static string Describe(FixtureError error) => $"line {error.Line}, {error.Pointer}: {error.Detail}";
}
