using System.CommandLine;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Operations;

namespace Exact.Api.Commands;

/// <summary><c>migrate</c>: applies the pending migrations under the lock that a starting replica takes.</summary>
internal static class MigrateCommand
{
    public static Command Create(IServiceProvider services)
    {
        var adopt = new Option<bool>("--adopt")
        {
            Description =
                "Take over a database that has Exact's tables but no history: compare it, and record the migrations.",
        };
        var command = new DatabaseCommand("migrate", "Apply the pending migrations; safe at any time.") { adopt };
        command.SetAction(
            (parsed, cancellationToken) =>
                parsed.GetValue(adopt)
                    ? AdoptAsync(services.GetRequiredService<SchemaAdoption>(), cancellationToken)
                    : ApplyAsync(services.GetRequiredService<DatabaseMigrator>(), cancellationToken)
        );
        return command;
    }

    private static async Task<int> ApplyAsync(DatabaseMigrator migrator, CancellationToken cancellationToken)
    {
        var applied = await migrator.MigrateAsync(Actors.CommandLine, cancellationToken);
        foreach (var migration in applied)
        {
            await Console.Out.WriteLineAsync(migration);
        }

        await Console.Error.WriteLineAsync(
            applied.Count == 0
                ? "The database is up to date; nothing was changed."
                : $"Applied {applied.Count}; the database is up to date."
        );
        return ExitCode.Done;
    }

    private static async Task<int> AdoptAsync(SchemaAdoption adoption, CancellationToken cancellationToken)
    {
        var (recorded, differences) = await adoption.AdoptAsync(Actors.CommandLine, cancellationToken);
        foreach (var migration in recorded)
        {
            await Console.Out.WriteLineAsync(migration);
        }

        foreach (var difference in differences)
        {
            await Console.Error.WriteLineAsync($"{difference}");
        }

        await Console.Error.WriteLineAsync(
            (recorded, differences) switch
            {
                (_, { Count: > 0 }) => $"Not adopted, nothing was changed. Differences: {differences.Count}.",
                ({ Count: > 0 }, _) => $"Adopted: {recorded.Count} recorded as applied.",
                _ => "Nothing to adopt: all migrations are recorded.",
            }
        );
        return differences.Count > 0 ? ExitCode.Failed : ExitCode.Done;
    }
}
