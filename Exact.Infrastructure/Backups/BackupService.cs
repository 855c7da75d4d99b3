using Exact.Infrastructure.Database;
using Exact.Infrastructure.Files;
using Exact.Infrastructure.Operations;
using Exact.Infrastructure.Transfer.Archive;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Exact.Infrastructure.Backups;

/// <summary>Makes complete backups in a folder, verifies each, and deletes the expired ones.</summary>
internal sealed partial class BackupService(
    BackupWriter writer,
    BackupVerifier verifier,
    OperationJournal journal,
    IOptions<BackupOptions> options,
    IOptions<FileStoreOptions> files,
    TimeProvider time,
    ILogger<BackupService> logger
)
{
    private const string NotYet = "It has not been verified yet.";

    /// <summary>The folder of the settings; null if they name none.</summary>
    public BackupFolder? Folder => field ??= options.Value.Folder is { Length: > 0 } folder ? OpenFolder(folder) : null;

    /// <summary>A folder that the caller names, as in <c>Backups:Folder</c>.</summary>
    public BackupFolder OpenFolder(string folder) => BackupFolder.Open(folder, files.Value);

    /// <summary>Makes a backup, verifies it, describes it beside the archive, and deletes what expires by it.</summary>
    /// <returns>The backup; its <see cref="Backup.Error"/> says why it is not verified.</returns>
    public Task<Backup> TakeAsync(BackupFolder folder, string actor, CancellationToken cancellationToken) =>
        TakeAsync(folder, actor, writer, _ => { }, cancellationToken);

    /// <summary>The same, and tells how far it is.</summary>
    public Task<Backup> TakeAsync(
        BackupFolder folder,
        string actor,
        BackupProgress progress,
        CancellationToken cancellationToken
    ) => TakeAsync(folder, actor, writer, _ => { }, cancellationToken, progress);

    /// <summary>The same, and tells the number of the operation once it has begun.</summary>
    public Task<Backup> TakeAsync(
        BackupFolder folder,
        string actor,
        Action<long> begun,
        CancellationToken cancellationToken
    ) => TakeAsync(folder, actor, writer, begun, cancellationToken);

    /// <summary>The same with another writer.</summary>
    public Task<Backup> TakeAsync(
        BackupFolder folder,
        string actor,
        BackupWriter from,
        Action<long> begun,
        CancellationToken cancellationToken,
        BackupProgress? progress = null
    ) =>
        journal.RecordAsync(
            OperationKind.Backup,
            actor,
            async (operation, ends) =>
            {
                begun(operation.Id);
                var name = BackupFolder.NameOf(time.GetUtcNow(), operation.Id);
                progress ??= new BackupProgress();
                progress.Journal = operation;
                var manifest = await from.WriteAsync(folder, name, progress, ends);
                var bytes = await folder.SizeOfAsync(name, ends);
                await folder.DescribeAsync(Backup.Of(name, bytes, manifest, NotYet), ends);
                var error = await ProveAsync(folder, name, progress, ends);
                var backup = Backup.Of(name, bytes, manifest, error);
                await folder.DescribeAsync(backup, ends);
                if (backup.Damaged.Count > 0)
                {
                    LogDamaged(name, backup.Damaged.Count);
                }

                if (backup.Verified && folder == Folder)
                {
                    await PruneAsync(folder, ends);
                }

                return backup;
            },
            backup => (backup, backup.Error),
            cancellationToken
        );

    /// <summary>Verifies a backup again, and describes the outcome beside the archive.</summary>
    /// <remarks>If it cannot be tried, the description stays as it was: the archive may be the only good one.</remarks>
    public Task<Backup> VerifyAsync(
        BackupFolder folder,
        Backup backup,
        string actor,
        Action<long> begun,
        CancellationToken cancellationToken,
        BackupProgress? progress = null
    ) =>
        journal.RecordAsync(
            OperationKind.Verification,
            actor,
            async (operation, ends) =>
            {
                begun(operation.Id);
                var (manifest, error) = await VerifyAsync(folder, backup.Name, ends, progress);
                var found = manifest is null
                    ? backup with
                    {
                        Verified = false,
                        Error = error,
                    }
                    : Backup.Of(backup.Name, backup.Bytes, manifest, error);
                try
                {
                    await folder.DescribeAsync(found, ends);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    LogNotDescribed(backup.Name, e.Cause()); // this account may only read there
                }

                return found;
            },
            found => (found, found.Error),
            cancellationToken
        );

    /// <summary>An archive for somebody who takes it away, as an export in the journal: it holds hashes of passwords.</summary>
    /// <returns>Null if there is none of this name.</returns>
    public async Task<Stream?> OpenForAsync(string name, string actor, CancellationToken cancellationToken)
    {
        if (Folder is not { } folder || await folder.FindAsync(name, cancellationToken) is not { } archive)
        {
            return null;
        }

        return await journal.RecordReadAsync(
            OperationKind.Export,
            actor,
            (_, _) => Task.FromResult(archive),
            found => new Download(name, found.Length),
            cancellationToken
        );
    }

    /// <summary>Returns why a new archive is not verified; null if it is.</summary>
    private async Task<string?> ProveAsync(
        BackupFolder folder,
        string name,
        BackupProgress progress,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return (await VerifyAsync(folder, name, cancellationToken, progress)).Error;
        }
        catch (Exception e)
            when (e is not OperationCanceledException && !PostgresErrors.IsBlocked(e) && !PostgresErrors.IsServerAway(e)
            )
        {
            return $"The backup {name} could not be verified: {e.Cause()}";
        }
    }

    /// <summary>Returns what the archive says of itself, if it can be restored, and else what is wrong with it.</summary>
    private async Task<(ArchiveManifest? Manifest, string? Error)> VerifyAsync(
        BackupFolder folder,
        string name,
        CancellationToken cancellationToken,
        BackupProgress? progress = null
    )
    {
        await using var archive =
            await folder.FindAsync(name, cancellationToken) ?? throw new FileMissingException(name);
        progress?.Verify(archive);
        try
        {
            return (await verifier.VerifyAsync(archive, cancellationToken), null);
        }
        catch (BackupException e)
        {
            return (null, $"The backup {name} is not verified: {e.Message}");
        }
    }

    /// <summary>Deletes the backups that <c>Backups:Keep</c> does not keep.</summary>
    private async Task PruneAsync(BackupFolder folder, CancellationToken cancellationToken)
    {
        var all = await folder.ListAsync(cancellationToken);
        foreach (var expired in Retention.TryParse(options.Value.Keep, out var kept) ? kept.FindExpired(all) : [])
        {
            await folder.DeleteAsync(expired, cancellationToken);
            LogDeleted(expired.Name);
        }

        folder.DeleteUnfinished();
    }

    /// <summary>What the journal keeps of a download.</summary>
    private sealed record Download(string Backup, long Bytes);

    [LoggerMessage(
        2501,
        LogLevel.Warning,
        "Backup {Name} lacks {Count} stored files that were missing or altered before. Run files check"
    )]
    private partial void LogDamaged(string name, int count);

    [LoggerMessage(
        2503,
        LogLevel.Warning,
        "Backup {Name} was verified, but its description cannot be written: {Cause}"
    )]
    private partial void LogNotDescribed(string name, string cause);

    [LoggerMessage(2502, LogLevel.Information, "Deleted backup {Name}, which Backups:Keep does not keep")]
    private partial void LogDeleted(string name);
}
