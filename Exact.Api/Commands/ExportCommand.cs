using System.CommandLine;
using System.IO.Compression;
using Exact.Api.Commands.Remote;
using Exact.Api.Transfers;
using Exact.Infrastructure.Operations;
using Exact.Infrastructure.Transfer.Exporting;

namespace Exact.Api.Commands;

/// <summary><c>export</c>: writes everything or a selection as a fixture to stdout or a file.</summary>
internal static class ExportCommand
{
    public static Command Create(IServiceProvider services)
    {
        var output = new Option<string?>("--output", "-o")
        {
            Description = "The file to write, packed if it ends in .gz; by default stdout.",
        };
        var format = new Option<ExportFormat>("--format")
        {
            Description = "A JSON list, one JSON object per line, or a complete backup with all stored files.",
        };
        var models = new Option<string[]>("--models")
        {
            Description = "Only these models or apps, such as api.score or auth.",
            DefaultValueFactory = _ => [],
        };
        var exclude = new Option<string[]>("--exclude", "-e")
        {
            Description = "All but these models or apps.",
            DefaultValueFactory = _ => [],
        };
        var challenge = new Option<string?>("--challenge")
        {
            Description = "Only this challenge and what belongs to it.",
        };
        var target = new Option<ExportTarget>("--for")
        {
            Description = "Who will read it. Django leaves out the models of Exact, which loaddata refuses.",
        };
        var redact = Redact();
        var command = new DatabaseCommand("export", "Export everything or a selection as a fixture.")
        {
            output,
            format,
            models,
            exclude,
            challenge,
            target,
            redact,
        };
        var remote = new RemoteOptions(command);
        command.SetAction(
            async (parsed, cancellationToken) =>
            {
                using var service = remote.Open(parsed);
                return await RunAsync(
                    services,
                    service,
                    parsed.GetValue(output),
                    new()
                    {
                        Format =
                            parsed.GetValue(format) is ExportFormat.Jsonl ? FixtureFormat.Jsonl : FixtureFormat.Json,
                        IsComplete = parsed.GetValue(format) is ExportFormat.Tar,
                        Models = [.. (parsed.GetValue(models) ?? []).SelectMany(ModelNames.Split)],
                        Exclude = [.. (parsed.GetValue(exclude) ?? []).SelectMany(ModelNames.Split)],
                        Challenge = parsed.GetValue(challenge),
                        For = parsed.GetValue(target),
                        Redact = parsed.GetValue(redact),
                    },
                    cancellationToken
                );
            }
        );
        return command;
    }

    /// <summary>The option that leaves people out.</summary>
    public static Option<Redaction> Redact() =>
        new("--redact") { Description = "people: write a stable pseudonym in place of each name, and no hashes." };

    /// <summary>Writes an export to a file, or to stdout.</summary>
    public static async Task<int> RunAsync(
        IServiceProvider services,
        RemoteService? remote,
        string? file,
        ExportOptions options,
        CancellationToken cancellationToken
    )
    {
        if (
            remote is null
            && await services.GetRequiredService<FixtureExporter>().FindMistakeAsync(options, cancellationToken)
                is var (_, mistake)
        )
        {
            await Console.Error.WriteLineAsync(mistake);
            return ExitCode.NotUnderstood;
        }

        if (file is null)
        {
            await using var stdout = Console.OpenStandardOutput();
            await WriteAsync(services, remote, stdout, options, cancellationToken);
            return ExitCode.Done;
        }

        // The file gets its name at the end, so that what an interrupted export leaves does not look like a backup.
        var draft = $"{file}.part";
        await using (var stream = File.Create(draft))
        await using (var packed = IsPacked(file) ? new GZipStream(stream, CompressionLevel.Fastest) : null)
        {
            await WriteAsync(services, remote, packed ?? (Stream)stream, options, cancellationToken);
        }

        File.Move(draft, file, overwrite: true);
        return ExitCode.Done;
    }

    private static async Task WriteAsync(
        IServiceProvider services,
        RemoteService? remote,
        Stream destination,
        ExportOptions options,
        CancellationToken cancellationToken
    )
    {
        var counted = new CountedStream(destination);
        long? records = null;
        var work = remote is null ? FromDatabaseAsync() : FromServiceAsync(remote);
        await CommandProgress
            .Create(services)
            .ShowAsync(() => new Step("Exporting", counted.Lines, records, counted.Bytes), work);

        async Task<bool> FromDatabaseAsync()
        {
            await services
                .GetRequiredService<TransferService>()
                .ExportAsync(
                    (manifest, _) =>
                    {
                        records = manifest.Records;
                        return counted;
                    },
                    options,
                    Actors.CommandLine,
                    cancellationToken
                );
            return true;
        }

        async Task<bool> FromServiceAsync(RemoteService service)
        {
            await service.ExportAsync(counted, options, found => records = found, cancellationToken);
            return true;
        }
    }

    private static bool IsPacked(string file) => file.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);
}
