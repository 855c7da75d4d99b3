using Exact.Infrastructure.Backups;
using Exact.Infrastructure.Files;
using Microsoft.Extensions.Options;

namespace Exact.Api.Commands;

/// <summary>A file that a command reads, and the folder or bucket that keeps it as a backup, if one does.</summary>
/// <param name="Content">What to read.</param>
/// <param name="Folder">The folder or bucket; null if the file is no backup of one.</param>
/// <param name="Name">The name of the backup.</param>
internal sealed record FoundFile(Stream Content, BackupFolder? Folder, string Name);

/// <summary>Finds what a command line names: a file, a backup that <c>--list</c> prints, or one in a bucket.</summary>
/// <remarks>It needs no database: a backup can also be sent to a service elsewhere.</remarks>
internal static class BackupFinder
{
    /// <summary>Opens a file, or else the backup of this name. What exists in the current folder goes first.</summary>
    /// <param name="services">The settings.</param>
    /// <param name="file">A path, a name, or <c>s3://BUCKET/PREFIX/NAME</c>.</param>
    /// <param name="to">The folder or bucket in place of <c>Backups:Folder</c>; null for that.</param>
    /// <param name="cancellationToken">Ends the search.</param>
    /// <exception cref="IOException">There is no such file or backup, or its folder cannot be used.</exception>
    /// <exception cref="UnauthorizedAccessException">This account may not read it.</exception>
    public static async Task<FoundFile> OpenAsync(
        IServiceProvider services,
        string file,
        string? to,
        CancellationToken cancellationToken
    )
    {
        var (place, name) = BackupFolder.IsBucket(file) ? BackupFolder.Split(file) : (to, file);
        if (place is null && (IsPlace(file) || File.Exists(file)))
        {
            return new(File.OpenRead(file), null, file);
        }

        // What has another name is a file that is missing, whatever is wrong with the folder.
        var folder = place is not null || BackupFolder.IsName(name) ? OpenFolder(services, place) : null;
        if (folder is null)
        {
            return new(File.OpenRead(file), null, file);
        }

        return await folder.FindAsync(name, cancellationToken) is { } archive
            ? new(archive, folder, name)
            : throw new FileNotFoundException(
                place is null
                    ? "There is no such file, and no backup of this name in Backups:Folder."
                    : "There is no backup of this name."
            );
    }

    /// <summary>Whether it names a folder or a bucket, too.</summary>
    public static bool IsPlace(string file) =>
        BackupFolder.IsBucket(file) || file.Contains('/') || file.Contains(Path.DirectorySeparatorChar);

    /// <summary>The folder of the settings, if the file is a backup in it.</summary>
    public static BackupFolder? OpenFolderOf(IServiceProvider services, string file) =>
        BackupFolder.IsName(Path.GetFileName(file))
        && FolderOf(services) is { } folder
        && !BackupFolder.IsBucket(folder)
        && Path.GetDirectoryName(Path.GetFullPath(file)) == Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))
            ? OpenFolder(services, folder)
            : null;

    private static BackupFolder? OpenFolder(IServiceProvider services, string? place) =>
        (place ?? FolderOf(services)) is { } folder
            ? BackupFolder.Open(folder, services.GetRequiredService<IOptions<FileStoreOptions>>().Value)
            : null;

    private static string? FolderOf(IServiceProvider services) =>
        services.GetRequiredService<IOptions<BackupOptions>>().Value.Folder is { Length: > 0 } folder ? folder : null;
}
