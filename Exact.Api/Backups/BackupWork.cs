using Exact.Api.Transfers;
using Exact.Infrastructure;
using Exact.Infrastructure.Backups;
using Exact.Infrastructure.Operations;

namespace Exact.Api.Backups;

/// <summary>Makes and verifies backups in the background, for HTTP and the console.</summary>
internal sealed class BackupWork(BackupService backups, BackupAlarm alarm, BackgroundImports background)
{
    /// <summary>Makes a backup in the folder of the settings.</summary>
    /// <returns>The operation; null if there is no folder.</returns>
    public async Task<long?> TakeAsync(string actor) =>
        backups.Folder is { } folder
            ? await background.BeginAsync((begun, stopping) => TakeAsync(folder, actor, begun, stopping))
            : null;

    /// <summary>Verifies a backup of that folder again.</summary>
    /// <returns>The operation; null if there is no backup of this name.</returns>
    public async Task<long?> VerifyAsync(string name, string actor, CancellationToken cancellationToken) =>
        await FindAsync(name, cancellationToken) is { } backup
            ? await background.BeginAsync(
                (begun, stopping) => backups.VerifyAsync(backups.Folder!, backup, actor, begun, stopping)
            )
            : null;

    /// <summary>The description of a backup of that folder; null if there is none of this name.</summary>
    public async Task<Backup?> FindAsync(string name, CancellationToken cancellationToken) =>
        backups.Folder is { } folder
            ? (await folder.ListAsync(cancellationToken)).FirstOrDefault(backup => backup.Name == name)
            : null;

    /// <summary>Who asked for it may have gone: a failure is told as that of a scheduled one is.</summary>
    private async Task TakeAsync(BackupFolder folder, string actor, Action<long> begun, CancellationToken stopping)
    {
        string? error;
        try
        {
            error = (await backups.TakeAsync(folder, actor, begun, stopping)).Error;
        }
        catch (Exception e) when (e is not (OperationCanceledException or OperationCancelledException))
        {
            await alarm.RaiseAsync(actor, slot: null, e.Cause(), stopping);
            throw;
        }

        if (error is not null)
        {
            await alarm.RaiseAsync(actor, slot: null, error, stopping);
        }
    }
}
