using System.CommandLine;
using System.Text.Json;
using Exact.Infrastructure;
using Exact.Infrastructure.Backups;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Files;
using Exact.Infrastructure.Operations;
using Exact.Infrastructure.Transfer.Exporting;
using Npgsql;

namespace Exact.Api.Commands;

/// <summary><c>backup</c>: makes, lists and verifies complete backups.</summary>
internal static class BackupCommand
{
    private const string NoFolder =
        "There is no folder for backups. Name one with --to FOLDER, or set Backups__Folder; or name a FILE.";

    public static Command Create(IServiceProvider services)
    {
        var file = new Argument<string?>("file")
        {
            Description = "Write the archive to this file only, packed if it ends in .gz, without verifying it.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var to = new Option<string?>("--to")
        {
            Description = "The folder, or s3://BUCKET/PREFIX/; by default Backups:Folder.",
            HelpName = "FOLDER",
        };
        var verify = new Option<string?>("--verify")
        {
            Description =
                "Restore an archive into a scratch database, compare it with its manifest, and drop it: a file, a name "
                + "that --list prints, or s3://BUCKET/PREFIX/NAME.",
            HelpName = "FILE",
        };
        var list = new Option<bool>("--list") { Description = "List the backups in the folder." };
        var redact = ExportCommand.Redact();
        var json = new Option<bool>("--json") { Description = "With --list: print JSON." };
        var command = new DatabaseCommand(
            "backup",
            "Back up all records and files to the folder, and verify the backup."
        )
        {
            file,
            to,
            verify,
            list,
            json,
            redact,
        };
        command.Validators.Add(result =>
        {
            var chosen = new[]
            {
                result.GetResult(file) is { Tokens.Count: > 0 },
                result.GetResult(verify) is not null,
                result.GetResult(list) is not null,
            };
            if (chosen.Count(one => one) > 1)
            {
                result.AddError("backup takes only one of FILE, --verify and --list.");
            }

            if (
                result.GetResult(to) is not null
                && (chosen[0] || result.GetValue(verify) is { } at && BackupFinder.IsPlace(at))
            )
            {
                result.AddError("--to goes with a backup in a folder: a FILE is written and read where its name says.");
            }

            if (result.GetResult(json) is not null && !chosen[2])
            {
                result.AddError("--json goes with --list.");
            }

            if (result.GetResult(redact) is not null && !chosen[0])
            {
                result.AddError("--redact goes with FILE: the folder is for backups that hold everything.");
            }
        });
        command.SetAction(
            (parsed, cancellationToken) =>
                (parsed.GetValue(file), parsed.GetValue(verify)) switch
                {
                    ({ } target, _) => ExportCommand.RunAsync(
                        services,
                        remote: null,
                        target,
                        new ExportOptions { IsComplete = true, Redact = parsed.GetValue(redact) },
                        cancellationToken
                    ),
                    (_, { } archive) => VerifyAsync(services, archive, parsed.GetValue(to), cancellationToken),
                    _ => UseFolderAsync(
                        services,
                        parsed.GetValue(to),
                        parsed.GetValue(list),
                        parsed.GetValue(json),
                        cancellationToken
                    ),
                }
        );
        return command;
    }

    private static async Task<int> UseFolderAsync(
        IServiceProvider services,
        string? to,
        bool lists,
        bool asJson,
        CancellationToken cancellationToken
    )
    {
        var backups = services.GetRequiredService<BackupService>();
        if ((to is null ? backups.Folder : backups.OpenFolder(to)) is not { } folder)
        {
            await Console.Error.WriteLineAsync(NoFolder);
            return ExitCode.NotUnderstood;
        }

        if (lists)
        {
            Print(await folder.ListAsync(cancellationToken), asJson);
            return ExitCode.Done;
        }

        var progress = new BackupProgress();
        var backup = await CommandProgress
            .Create(services)
            .ShowAsync(
                () =>
                    progress.Verified is var (read, length)
                        ? new Step("Verifying", read, length, read)
                        : new Step("Backing up", Bytes: progress.Written),
                backups.TakeAsync(folder, Actors.CommandLine, progress, cancellationToken)
            );
        await Console.Out.WriteLineAsync(backup.Name);
        await Console.Error.WriteLineAsync(
            backup.Error ?? $"Verified: {backup.Records} records, {backup.Files} files, {backup.Bytes} bytes."
        );
        return backup.Verified ? ExitCode.Done : ExitCode.Failed;
    }

    private static async Task<int> VerifyAsync(
        IServiceProvider services,
        string file,
        string? to,
        CancellationToken cancellationToken
    )
    {
        try
        {
            var found = await BackupFinder.OpenAsync(services, file, to, cancellationToken);
            await using var content = found.Content;
            var backup = await VerifyAsync(services, file, found, cancellationToken);
            if (!backup.Verified)
            {
                await Console.Error.WriteLineAsync(backup.Error);
                return ExitCode.Failed;
            }

            await Console.Out.WriteLineAsync(
                $"{file} was restored and equals its manifest: {backup.Records} records, {backup.Files} files, "
                    + $"{backup.Bytes} bytes, schema {backup.Schema}, taken at {backup.TakenAt:u}."
            );
            return ExitCode.Done;
        }
        catch (Exception e)
            when (e is BackupException or ScratchDatabaseException or IOException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync($"{file} is not verified: {e.Cause()}");
            return ExitCode.Failed;
        }
    }

    private static async Task<Backup> VerifyAsync(
        IServiceProvider services,
        string file,
        FoundFile found,
        CancellationToken cancellationToken
    )
    {
        if ((found.Folder ?? BackupFinder.OpenFolderOf(services, file)) is { } folder)
        {
            var hasBegun = false;
            try
            {
                var name = Path.GetFileName(found.Name);
                return await VerifyKeptAsync(services, file, folder, name, () => hasBegun = true, cancellationToken);
            }
            catch (PostgresException e) when (!hasBegun && HasNoJournal(e))
            {
                // A backup is worth verifying on such a server, too, before it is restored.
            }
        }

        return await VerifyFileAsync(services, file, found.Content, cancellationToken);
    }

    /// <summary>Verifies a backup of a folder or a bucket. The journal and the description beside it say how it went.</summary>
    private static async Task<Backup> VerifyKeptAsync(
        IServiceProvider services,
        string file,
        BackupFolder folder,
        string name,
        Action begun,
        CancellationToken cancellationToken
    )
    {
        var backup =
            (await folder.ListAsync(cancellationToken)).FirstOrDefault(listed => listed.Name == name)
            ?? throw new FileMissingException(name);
        var progress = new BackupProgress();
        return await CommandProgress
            .Create(services)
            .ShowAsync(
                () =>
                    new Step(
                        $"Verifying {file}",
                        progress.Verified?.Read ?? 0,
                        backup.Bytes,
                        progress.Verified?.Read ?? 0
                    ),
                services
                    .GetRequiredService<BackupService>()
                    .VerifyAsync(folder, backup, Actors.CommandLine, _ => begun(), cancellationToken, progress)
            );
    }

    /// <summary>The server is new or read-only, has an older schema, or gives the role no rights.</summary>
    private static bool HasNoJournal(PostgresException e) =>
        e.SqlState
            is PostgresErrorCodes.InvalidCatalogName
                or PostgresErrorCodes.UndefinedTable
                or PostgresErrorCodes.UndefinedColumn
                or PostgresErrorCodes.InsufficientPrivilege
                or PostgresErrorCodes.ReadOnlySqlTransaction;

    /// <summary>Verifies any other file, which has no description.</summary>
    private static async Task<Backup> VerifyFileAsync(
        IServiceProvider services,
        string file,
        Stream archive,
        CancellationToken cancellationToken
    )
    {
        var counted = new CountedStream(archive);
        var manifest = await CommandProgress
            .Create(services)
            .ShowAsync(
                () => new Step($"Verifying {file}", counted.Bytes, archive.Length, counted.Bytes),
                services.GetRequiredService<BackupVerifier>().VerifyAsync(counted, cancellationToken)
            );
        return Backup.Of(file, archive.Length, manifest, error: null);
    }

    private static void Print(IReadOnlyList<Backup> backups, bool asJson)
    {
        if (asJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(backups, Json.Indented));
            return;
        }

        foreach (var backup in backups)
        {
            var state = backup.Verified ? "verified" : "NOT VERIFIED";
            Console.WriteLine(
                $"{backup.TakenAt:u}  {state, -12}  {backup.Records, 10} records  {backup.Bytes, 14} bytes  {backup.Name}"
            );
        }
    }
}
