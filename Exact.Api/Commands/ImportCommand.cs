using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Json;
using Exact.Api.Admin;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Transfer.Django;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Reading;
using Microsoft.Extensions.Options;

namespace Exact.Api.Commands;

/// <summary><c>import</c>: a fixture from a file, stdin, or a live Django database; the report goes to stdout.</summary>
internal static class ImportCommand
{
    public static Command Create(IServiceProvider services)
    {
        var file = new Argument<string>("file")
        {
            Description = "The fixture, as it is or packed with gzip; - reads stdin.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var fromDjango = new Option<string?>("--from-django")
        {
            Description =
                "Instead of a file, a live Django database: \"Host=db;Database=django;Username=reader\"; "
                + "without a value, that of Transfers:Django. Keep the password in a passfile (PGPASSFILE).",
            HelpName = "CONNECTION",
            Arity = ArgumentArity.ZeroOrOne,
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
        var confirm = new Option<string[]>("--confirm")
        {
            Description = "With --mode replace: a model whose records may be left out although rows are deleted.",
        };
        var timeZone = new Option<TimeZoneInfo>("--timezone")
        {
            Description = "The zone of times that have none, such as Europe/Berlin; UTC by default.",
            DefaultValueFactory = _ => TimeZoneInfo.Utc,
            CustomParser = ParseTimeZone,
        };
        var dryRun = new Option<bool>("--dry-run") { Description = "Say what would happen, and change nothing." };
        var command = new DatabaseCommand("import", "Import a fixture: all of it, or nothing.")
        {
            file,
            fromDjango,
            mode,
            missing,
            unknown,
            orphans,
            confirm,
            timeZone,
            dryRun,
        };
        command.Validators.Add(result =>
        {
            if (result.GetResult(fromDjango) is null == result.GetResult(file) is not { Tokens.Count: > 0 })
            {
                result.AddError("import takes either a FILE or --from-django.");
            }
        });
        command.SetAction(
            (parsed, cancellationToken) =>
            {
                var options = new ImportOptions
                {
                    Mode = parsed.GetValue(mode),
                    Missing = parsed.GetValue(missing),
                    Unknown = parsed.GetValue(unknown),
                    Orphans = parsed.GetValue(orphans),
                    Confirmed = parsed.GetValue(confirm) ?? [],
                    TimeZone = parsed.GetValue(timeZone)!,
                    DryRun = parsed.GetValue(dryRun),
                };
                return parsed.GetValue(file) is { } path
                    ? RunAsync(services, path, options, cancellationToken)
                    : RunFromDjangoAsync(services, parsed.GetValue(fromDjango), options, cancellationToken);
            }
        );
        return command;
    }

    private static async Task<int> RunFromDjangoAsync(
        IServiceProvider services,
        string? connection,
        ImportOptions options,
        CancellationToken cancellationToken
    )
    {
        var settings = services.GetRequiredService<IOptions<TransferOptions>>().Value;
        if (!DjangoAddress.TryParse(connection ?? settings.Django, out var address))
        {
            var what = connection is null ? "Without a value for --from-django, Transfers:Django" : "--from-django";
            await Console.Error.WriteLineAsync($"{what} {DjangoAddress.Expected}.");
            return ExitCode.NotUnderstood;
        }

        await services.GetRequiredService<DatabaseMigrator>().MigrateAsync(CommandLine.Actor, cancellationToken);
        try
        {
            var outcome = await services
                .GetRequiredService<TransferService>()
                .ImportFromDjangoAsync(address, options, CommandLine.Actor, cancellationToken);
            return await TellAsync(outcome, error => $"{error.Model} {error.Pk}, {error.Field}: {error.Detail}");
        }
        catch (DjangoException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return ExitCode.Failed;
        }
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
        return await TellAsync(outcome, error => $"line {error.Line}, {error.Pointer}: {error.Detail}");
    }

    private static async Task<int> TellAsync(ImportOutcome outcome, Func<FixtureError, string> describe)
    {
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
                await Console.Error.WriteLineAsync("Another import is running; nothing was changed.");
                return ExitCode.Failed;
        }
    }

    private static TimeZoneInfo? ParseTimeZone(ArgumentResult result)
    {
        var name = result.Tokens[0].Value;
        if (TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone))
        {
            return zone;
        }

        result.AddError($"There is no time zone \"{name}\"; name one as in the IANA database, such as Europe/Berlin.");
        return null;
    }
}
