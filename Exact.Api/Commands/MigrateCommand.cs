using System.CommandLine;
using System.Text.Json;
using Exact.Api.Commands.Remote;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Migrating.Forecast;
using Exact.Infrastructure.Migrating.Rehearsing;
using Exact.Infrastructure.Operations;

namespace Exact.Api.Commands;

/// <summary><c>migrate</c>: applies the pending migrations under the lock that a starting replica takes.</summary>
internal static class MigrateCommand
{
    /// <summary>Where a service elsewhere shows and applies migrations.</summary>
    public const string Path = "api/admin/migrations";

    public static Command Create(IServiceProvider services)
    {
        var adopt = new Option<bool>("--adopt")
        {
            Description =
                "Take over a database that has Exact's tables but no history: compare it, and record the migrations.",
        };
        var plan = new Option<bool>("--plan")
        {
            Description =
                "Apply nothing; say what each pending migration would lock and rewrite, and who is in its way.",
        };
        var rehearse = new Option<bool>("--rehearse")
        {
            Description =
                "Apply the pending migrations to a copy of the database, say what they did, and drop the copy.",
        };
        var json = new Option<bool>("--json") { Description = "With --plan or --rehearse: print JSON." };
        var command = new DatabaseCommand("migrate", "Apply the pending migrations; safe at any time.")
        {
            adopt,
            plan,
            rehearse,
            json,
        };
        var remote = new RemoteOptions(command);
        command.Validators.Add(given =>
        {
            var chosen = new Option[] { adopt, plan, rehearse }
                .Where(one => given.GetResult(one) is not null)
                .ToList();
            if (chosen.Count > 1)
            {
                given.AddError($"migrate takes only one of {string.Join(" and ", chosen.Select(one => one.Name))}.");
            }
            else if (chosen is [var one] && remote.AreGiven(given))
            {
                given.AddError($"{one.Name} needs the database itself. Run it where the service runs, without --url.");
            }
        });
        command.SetAction(
            async (parsed, cancellationToken) =>
            {
                using var service = remote.Open(parsed);
                return await (
                    service is not null ? ApplyAsync(services, service, cancellationToken)
                    : parsed.GetValue(adopt) ? AdoptAsync(services, cancellationToken)
                    : parsed.GetValue(plan) ? PlanAsync(services, parsed.GetValue(json), cancellationToken)
                    : parsed.GetValue(rehearse) ? RehearseAsync(services, parsed.GetValue(json), cancellationToken)
                    : ApplyAsync(services, cancellationToken)
                );
            }
        );
        return command;
    }

    private static async Task<int> ApplyAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        var state = services.GetRequiredService<SchemaState>();
        var work = services.GetRequiredService<DatabaseMigrator>().MigrateAsync(Actors.CommandLine, cancellationToken);
        return await TellAsync(await CommandProgress.Create(services).ShowAsync(() => StepOf(state.Current), work));
    }

    /// <summary>The same by a service elsewhere, with the same output and exit codes.</summary>
    private static async Task<int> ApplyAsync(
        IServiceProvider services,
        RemoteService service,
        CancellationToken cancellationToken
    )
    {
        var before = await service.GetAsync<MigrationStatus>(Path, cancellationToken);
        var work = service.PostAsync<MigrationStatus>(Path, content: null, cancellationToken);
        var after = await CommandProgress
            .Create(services)
            .ShowAsync(() => new Step($"{service.Address} is migrating"), work);
        if (after.Pending.Count > 0)
        {
            await Console.Error.WriteLineAsync(after.Detail);
            return ExitCode.Failed;
        }

        return await TellAsync([.. after.Applied.Select(one => one.Id).Except(before.Applied.Select(one => one.Id))]);
    }

    private static Step StepOf(SchemaProgress progress) =>
        new(progress.Detail, (progress.Number ?? 1) - 1, progress.Total);

    private static async Task<int> TellAsync(IReadOnlyList<string> applied)
    {
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

    private static async Task<int> PlanAsync(
        IServiceProvider services,
        bool asJson,
        CancellationToken cancellationToken
    )
    {
        var pending = await services.GetRequiredService<MigrationForecast>().ReadPendingAsync(cancellationToken);
        await Console.Out.WriteLineAsync(
            asJson ? JsonSerializer.Serialize(pending, Json.Indented) : MigrationText.Of(pending)
        );
        return ExitCode.Done;
    }

    private static async Task<int> RehearseAsync(
        IServiceProvider services,
        bool asJson,
        CancellationToken cancellationToken
    )
    {
        var step = "Connecting";
        var work = services.GetRequiredService<MigrationRehearsal>().RunAsync(next => step = next, cancellationToken);
        var report = await CommandProgress.Create(services).ShowAsync(() => new Step(step), work);
        await Console.Out.WriteLineAsync(
            asJson ? JsonSerializer.Serialize(report, Json.Indented) : MigrationText.Of(report)
        );
        return report.Error is not null ? ExitCode.Failed
            : report.Drift.Any(finding => !finding.Harmless) ? ExitCode.Drifted
            : ExitCode.Done;
    }

    private static async Task<int> AdoptAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        var (recorded, differences) = await services
            .GetRequiredService<SchemaAdoption>()
            .AdoptAsync(Actors.CommandLine, cancellationToken);
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
