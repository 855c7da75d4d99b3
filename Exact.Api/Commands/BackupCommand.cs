using System.CommandLine;
using System.Text.Json;
using Exact.Infrastructure;
using Exact.Infrastructure.Backups;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Operations;
using Exact.Infrastructure.Transfer.Exporting;

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

            if (result.GetResult(to) is not null && (chosen[0] || result.GetValue(verify) is { } at && IsPlace(at)))
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
            await using var archive = await OpenAsync(services, file, to, cancellationToken);
            var counted = new CountedStream(archive);
            var manifest = await CommandProgress
                .Create(services)
                .ShowAsync(
                    () => new Step($"Verifying {file}", counted.Bytes, archive.Length, counted.Bytes),
                    services.GetRequiredService<BackupVerifier>().VerifyAsync(counted, cancellationToken)
                );
            await Console.Out.WriteLineAsync(
                $"{file} was restored and equals its manifest: {manifest.Records} records, {manifest.Files} files with "
                    + $"{manifest.FileBytes} bytes, schema {manifest.Schema}, taken at {manifest.TakenAt:u}."
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

    /// <summary>A file, or else an archive of that name in a folder or a bucket.</summary>
    internal static async Task<Stream> OpenAsync(
        IServiceProvider services,
        string file,
        string? to,
        CancellationToken cancellationToken
    )
    {
        var backups = services.GetRequiredService<BackupService>();
        var (place, name) = BackupFolder.IsBucket(file) ? BackupFolder.Split(file) : (to, file);
        if (place is null && (IsPlace(file) || File.Exists(file)))
        {
            return File.OpenRead(file);
        }

        var folder = place is null ? backups.Folder : backups.OpenFolder(place);
        return folder is null
            ? File.OpenRead(file)
            : await folder.FindAsync(name, cancellationToken)
                ?? throw new FileNotFoundException("There is no such file, and no backup of this name in the folder.");
    }

    /// <summary>Whether it names a folder or a bucket, too.</summary>
    private static bool IsPlace(string file) =>
        BackupFolder.IsBucket(file) || file.Contains('/') || file.Contains(Path.DirectorySeparatorChar);

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
