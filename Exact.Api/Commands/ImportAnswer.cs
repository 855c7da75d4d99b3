using System.Text.Json;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Reading;

namespace Exact.Api.Commands;

/// <summary>Prints how an import ended: a report to stdout, or to stderr why nothing was changed.</summary>
internal static class ImportAnswer
{
    public static async Task<int> TellAsync(ImportOutcome outcome, string source, Func<FixtureError, string> describe)
    {
        switch (outcome)
        {
            case ImportOutcome.Imported { Report: var report }:
                await Console.Out.WriteLineAsync(JsonSerializer.Serialize(report, Json.Indented));
                return ExitCode.Done;
            case ImportOutcome.NotJson { Error: var error }:
                await Console.Error.WriteLineAsync($"{source}: {error.Describe()} Nothing was changed.");
                return ExitCode.Failed;
            case ImportOutcome.Rejected rejected:
                foreach (var error in rejected.Errors)
                {
                    await Console.Error.WriteLineAsync(describe(error));
                }

                await Console.Error.WriteLineAsync($"{rejected.Summary} Nothing was changed.");
                return ExitCode.Failed;
            case ImportOutcome.Blocked blocked:
                await Console.Error.WriteLineAsync(blocked.Detail);
                return ExitCode.Failed;
            case ImportOutcome.Stalled stalled:
                await Console.Error.WriteLineAsync(stalled.Detail);
                return ExitCode.Failed;
            default:
                await Console.Error.WriteLineAsync(
                    "Another import is running. Nothing was changed. Try again when it has ended."
                );
                return ExitCode.Failed;
        }
    }
}
