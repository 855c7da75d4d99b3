using System.CommandLine;
using Exact.Infrastructure.Migrating;

namespace Exact.Api.Commands;

/// <summary><c>migrate</c>: applies what is pending, behind the same lock as a starting replica.</summary>
internal static class MigrateCommand
{
    public static Command Create(IServiceProvider services)
    {
        var command = new DatabaseCommand("migrate", "Apply the pending migrations; safe at any time.");
        command.SetAction(
            async (_, cancellationToken) =>
            {
                var applied = await services
                    .GetRequiredService<DatabaseMigrator>()
                    .MigrateAsync(CommandLine.Actor, cancellationToken);
                foreach (var migration in applied)
                {
                    await Console.Out.WriteLineAsync(migration);
                }

                await Console.Error.WriteLineAsync(
                    applied.Count == 0 ? "Nothing was pending." : $"Applied {applied.Count}."
                );
                return ExitCode.Done;
            }
        );
        return command;
    }
}
