using System.CommandLine;
using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Exact.Api.Commands;

/// <summary><c>script</c>: the idempotent SQL of the migrations, for whoever wants to read it, or has to run it by hand.</summary>
internal static class ScriptCommand
{
    public static Command Create(IServiceProvider services)
    {
        var from = new Option<string?>("--from")
        {
            Description = "The migration to start behind; by default the beginning.",
        };
        var to = new Option<string?>("--to") { Description = "The migration to end with; by default the last." };
        var command = new Command("script", "Print the migrations as idempotent SQL.") { from, to };
        command.SetAction(
            async (parsed, cancellationToken) =>
            {
                await using var scope = services.CreateAsyncScope();
                var database = scope.ServiceProvider.GetRequiredService<ExactDbContext>();
                var script = database
                    .GetService<IMigrator>()
                    .GenerateScript(
                        parsed.GetValue(from),
                        parsed.GetValue(to),
                        MigrationsSqlGenerationOptions.Idempotent
                    );
                await Console.Out.WriteAsync(script.AsMemory(), cancellationToken);
                return ExitCode.Done;
            }
        );
        return command;
    }
}
