using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text;
using System.Text.Json;
using Exact.Api.Commands.Remote;
using Exact.Api.Transfers;
using Exact.Api.Transfers.Unpacking;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Operations;
using Exact.Infrastructure.Transfer.Django;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Reading;
using Microsoft.Extensions.Options;

namespace Exact.Api.Commands;

/// <summary><c>import</c>: reads a fixture from a file, stdin or a live Django database, and prints a report.</summary>
internal static class ImportCommand
{
    public static Command Create(IServiceProvider services)
    {
        var file = new Argument<string>("file")
        {
            Description =
                "The fixture, packed with gzip or not: a file, a name that backup --list prints, or "
                + "s3://BUCKET/PREFIX/NAME; - reads stdin.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var fromDjango = new Option<string?>("--from-django")
        {
            Description =
                "Read a live Django database instead of a file: \"Host=db;Database=django;Username=reader\". "
                + "Without a value, Transfers:Django names it. Keep the password in a passfile (PGPASSFILE).",
            HelpName = "CONNECTION",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var mode = new Option<ImportMode>("--mode")
        {
            Description = "What to do with existing rows.",
            DefaultValueFactory = _ => ImportMode.Merge,
        };
        var missing = new Option<MissingFields>("--missing")
        {
            Description = "What to do with the columns of an existing row that its record omits.",
            DefaultValueFactory = _ => MissingFields.Keep,
        };
        var unknown = new Option<WhenFound>("--unknown")
        {
            Description = "What to do with models and fields that Exact does not know.",
            DefaultValueFactory = _ => WhenFound.Fail,
        };
        var orphans = new Option<WhenFound>("--orphans")
        {
            Description = "What to do with records whose parent does not exist.",
            DefaultValueFactory = _ => WhenFound.Fail,
        };
        var confirm = new Option<string[]>("--confirm")
        {
            Description = "With --mode replace: a model that may lose rows although records are left out.",
        };
        var timeZone = new Option<TimeZoneInfo>("--timezone")
        {
            Description = "The zone of times without one, such as Europe/Berlin; by default UTC.",
            DefaultValueFactory = _ => TimeZoneInfo.Utc,
            CustomParser = ParseTimeZone,
        };
        var encoding = new Option<Encoding?>("--encoding")
        {
            Description =
                "How the file is encoded, such as windows-1251; by default UTF-8. A byte order mark counts more.",
            HelpName = "NAME",
            CustomParser = ParseEncoding,
        };
        var dryRun = new Option<bool>("--dry-run") { Description = "Report what would happen, and change nothing." };
        var differences = new Option<bool>("--differences")
        {
            Description = "With --dry-run: list the first hundred rows that would be removed, updated or created.",
        };
        var command = new DatabaseCommand("import", "Import a fixture, all of it or nothing.")
        {
            file,
            fromDjango,
            mode,
            missing,
            unknown,
            orphans,
            confirm,
            timeZone,
            encoding,
            dryRun,
            differences,
        };
        var remote = new RemoteOptions(command);
        command.Validators.Add(result =>
        {
            if (result.GetResult(fromDjango) is null == result.GetResult(file) is not { Tokens.Count: > 0 })
            {
                result.AddError("import needs a FILE or --from-django, and not both.");
            }

            if (result.GetValue(differences) && !result.GetValue(dryRun))
            {
                result.AddError("Only a dry run lists the differences. Add --dry-run.");
            }

            if (result.GetResult(fromDjango) is not null && result.GetResult(encoding) is not null)
            {
                result.AddError("--encoding goes with a FILE: a database says itself how it is encoded.");
            }
        });
        command.SetAction(
            async (parsed, cancellationToken) =>
            {
                var options = new ImportOptions
                {
                    Mode = parsed.GetValue(mode),
                    Missing = parsed.GetValue(missing),
                    Unknown = parsed.GetValue(unknown),
                    Orphans = parsed.GetValue(orphans),
                    Confirmed = [.. (parsed.GetValue(confirm) ?? []).SelectMany(ModelNames.Split)],
                    TimeZone = parsed.GetValue(timeZone)!,
                    DryRun = parsed.GetValue(dryRun),
                    Differences = parsed.GetValue(differences) ? ImportDifferences.Limit : 0,
                    Encoding = parsed.GetValue(encoding),
                };
                if (remote.Open(parsed) is { } service)
                {
                    using (service)
                    {
                        return await SendAsync(
                            services,
                            service,
                            parsed.GetValue(file),
                            parsed.GetValue(fromDjango),
                            options,
                            cancellationToken
                        );
                    }
                }

                if (options.FindMistake(services.GetRequiredService<FixtureTables>()) is { } mistake)
                {
                    await Console.Error.WriteLineAsync(mistake);
                    return ExitCode.NotUnderstood;
                }

                return await (
                    parsed.GetValue(file) is { } path
                        ? RunAsync(services, path, options, cancellationToken)
                        : RunFromDjangoAsync(services, parsed.GetValue(fromDjango), options, cancellationToken)
                );
            }
        );
        return command;
    }

    /// <summary>The same by a service elsewhere, with the same output and exit codes.</summary>
    private static async Task<int> SendAsync(
        IServiceProvider services,
        RemoteService service,
        string? file,
        string? connection,
        ImportOptions options,
        CancellationToken cancellationToken
    )
    {
        if (connection is not null)
        {
            await Console.Error.WriteLineAsync(
                "A service connects only to the Django database that its own setting Transfers:Django names. "
                    + "Write --from-django without a value."
            );
            return ExitCode.NotUnderstood;
        }

        var name = file is "-" ? "stdin" : file ?? "the Django database";
        try
        {
            var report = file is null
                ? await service.ImportFromDjangoAsync(options, cancellationToken)
                : await ReadAsync(
                    services,
                    file,
                    name,
                    fixture => service.ImportAsync(fixture, options, cancellationToken),
                    cancellationToken
                );
            await Console.Out.WriteLineAsync(JsonSerializer.Serialize(report, Json.Indented));
            return ExitCode.Done;
        }
        catch (RemoteException e) when (e.Problem is not null)
        {
            foreach (var line in RemoteTransfers.ErrorsOf(e, name))
            {
                await Console.Error.WriteLineAsync(line);
            }

            return ExitCode.Failed;
        }
        catch (Exception e) when (IsUnreadable(e))
        {
            await Console.Error.WriteLineAsync($"{name} cannot be opened: {e.Message} Nothing was changed.");
            return ExitCode.Failed;
        }
    }

    /// <summary>Opens the file, and shows how much of it has been read.</summary>
    private static async Task<T> ReadAsync<T>(
        IServiceProvider services,
        string file,
        string name,
        Func<Stream, Task<T>> work,
        CancellationToken cancellationToken
    )
    {
        await using var content =
            file == "-"
                ? Console.OpenStandardInput()
                : (await BackupFinder.OpenAsync(services, file, to: null, cancellationToken)).Content;
        var counted = new CountedStream(content);
        double? length = content.CanSeek ? content.Length : null;
        return await CommandProgress
            .Create(services)
            .ShowAsync(
                () =>
                    counted.IsAtEnd
                        ? new Step($"{name} is read; merging")
                        : new Step($"Importing {name}", counted.Bytes, length, counted.Bytes),
                work(counted)
            );
    }

    private static bool IsUnreadable(Exception e) =>
        e is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException;

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

        await services.GetRequiredService<DatabaseMigrator>().MigrateAsync(Actors.CommandLine, cancellationToken);
        try
        {
            var outcome = await services
                .GetRequiredService<TransferService>()
                .ImportFromDjangoAsync(address, options, Actors.CommandLine, cancellationToken);
            return await ImportAnswer.TellAsync(
                outcome,
                $"{address}",
                error =>
                    error.Record is null ? error.Detail : $"{error.Model} {error.Pk}, {error.Field}: {error.Detail}"
            );
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
        var name = file == "-" ? "stdin" : file;
        try
        {
            var outcome = await ReadAsync(
                services,
                file,
                name,
                async content =>
                {
                    await using var fixture = new FixtureStream(content, Packing.None, maxBytes: long.MaxValue);
                    await services
                        .GetRequiredService<DatabaseMigrator>()
                        .MigrateAsync(Actors.CommandLine, cancellationToken);
                    return await services
                        .GetRequiredService<TransferService>()
                        .ImportAsync(fixture, options, Actors.CommandLine, cancellationToken);
                },
                cancellationToken
            );
            return await ImportAnswer.TellAsync(
                outcome,
                name,
                error =>
                    error.Place is null
                        ? $"{name}: {error.Detail}"
                        : $"{name}, line {error.Line}, column {error.Column}, {error.Pointer}: {error.Detail}"
            );
        }
        catch (Exception e) when (e is UnreadableFileException or FileTooLargeException)
        {
            await Console.Error.WriteLineAsync($"{name}: {e.Message}");
            return ExitCode.Failed;
        }
        catch (Exception e) when (IsUnreadable(e))
        {
            await Console.Error.WriteLineAsync($"{name} cannot be opened: {e.Message} Nothing was changed.");
            return ExitCode.Failed;
        }
    }

    private static Encoding? ParseEncoding(ArgumentResult result)
    {
        var name = result.Tokens[0].Value;
        if (!FileEncoding.TryFind(name, out var encoding))
        {
            result.AddError($"There is no encoding \"{name}\". Name it as IANA does, such as windows-1251.");
        }

        return encoding;
    }

    private static TimeZoneInfo? ParseTimeZone(ArgumentResult result)
    {
        var name = result.Tokens[0].Value;
        if (TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone))
        {
            return zone;
        }

        result.AddError($"There is no time zone \"{name}\". Name one of the IANA database, such as Europe/Berlin.");
        return null;
    }
}
