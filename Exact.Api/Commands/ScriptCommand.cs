using System.CommandLine;
using Exact.Infrastructure.Migrating;

namespace Exact.Api.Commands;

/// <summary><c>script</c>: prints the pending migrations, or a range of migrations, as idempotent SQL.</summary>
internal static class ScriptCommand
{
    public static Command Create(IServiceProvider services)
    {
        var from = new Option<string?>("--from") { Description = "The migration to start after; 0 is the beginning." };
        var to = new Option<string?>("--to") { Description = "The migration to end with; by default the last." };
        var command = new DatabaseCommand(
            "script",
            "Print the pending migrations, or a range of migrations, as idempotent SQL."
        )
        {
            from,
            to,
        };
        command.SetAction(
            async (parsed, cancellationToken) =>
            {
                var isRange = parsed.GetValue(from) is not null || parsed.GetValue(to) is not null;
                var script = isRange
                    ? MigrationScript.Generate(parsed.GetValue(from), parsed.GetValue(to))
                    : await services.GetRequiredService<MigrationScript>().GeneratePendingAsync(cancellationToken);
                await Console.Out.WriteAsync(script.AsMemory(), cancellationToken);
                if (script.Length == 0)
                {
                    await Console.Error.WriteLineAsync("Nothing is pending.");
                }

                return ExitCode.Done;
            }
        );
        return command;
    }
}
