using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Exact.Infrastructure.Database.Embedded;
using Microsoft.Win32.SafeHandles;

namespace Exact.Infrastructure.Files;

/// <summary>Keeps files in a folder. Until a file is complete, it has another name.</summary>
/// <param name="folder">The path.</param>
/// <param name="setting">The setting that names it, for messages.</param>
/// <param name="mustExist">Whether a missing folder is an error; otherwise it is created with the first file.</param>
internal sealed class FolderStore(string folder, string setting = "Files:Folder", bool mustExist = false) : IFileStore
{
    /// <summary>The folder for what is being received.</summary>
    public const string Incoming = ".incoming";

    private const int CopyBuffer = 128 * 1024;

    private readonly string root = Path.GetFullPath(folder);
    private readonly string setting = setting;

    public async Task<IStagedFile> StageAsync(string key, Stream content, CancellationToken cancellationToken)
    {
        var target = PathOf(key) ?? throw new FileMissingException(key);
        var staged = new StagedFile(this, target, Try(Create));
        try
        {
            var buffer = new byte[CopyBuffer];
            while (await content.ReadAsync(buffer, cancellationToken) is var read and > 0)
            {
                await staged.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            }

            staged.Flush(); // it may take long, so it comes before the transaction
            return staged;
        }
        catch
        {
            await staged.DisposeAsync();
            throw;
        }
    }

    public Task<long?> FindSizeAsync(string key, CancellationToken cancellationToken) =>
        Task.FromResult(
            PathOf(key) is { } path && new FileInfo(path) is { Exists: true } file ? file.Length : (long?)null
        );

    public Task<Stream> OpenAsync(string key, long offset, CancellationToken cancellationToken)
    {
        if (PathOf(key) is not { } path || !File.Exists(path))
        {
            throw new FileMissingException(key);
        }

        var options = new FileStreamOptions
        {
            Share = FileShare.Read | FileShare.Delete,
            Options = FileOptions.Asynchronous | FileOptions.SequentialScan,
            BufferSize = 0,
        };
        try
        {
            return Task.FromResult<Stream>(Try(() => new FileStream(path, options) { Position = offset }));
        }
        catch (FileStoreException e) when (e.InnerException is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new FileMissingException(key); // deleted a moment ago
        }
    }

    public Task DeleteAsync(string key, CancellationToken cancellationToken)
    {
        if (PathOf(key) is { } path && File.Exists(path))
        {
            Try(() => File.Delete(path));
        }

        return Task.CompletedTask;
    }

    public async IAsyncEnumerable<(string Key, long Size)> ListAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        await Task.CompletedTask;
        var options = new EnumerationOptions
        {
            RecurseSubdirectories = true,
            AttributesToSkip = FileAttributes.ReparsePoint, // links may lead out of the folder
            IgnoreInaccessible = false,
        };
        if (!Directory.Exists(root))
        {
            yield break;
        }

        foreach (var file in new DirectoryInfo(root).EnumerateFiles("*", options))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var key = Path.GetRelativePath(root, file.FullName).Replace(Path.DirectorySeparatorChar, '/');
            if (!key.StartsWith($"{Incoming}/", StringComparison.Ordinal) && file.Exists) // it may be deleted meanwhile
            {
                yield return (key, file.Length);
            }
        }
    }

    public int DeleteUnfinished()
    {
        var incoming = Path.Combine(root, Incoming);
        var deleted = 0;
        foreach (var path in Directory.Exists(incoming) ? Directory.EnumerateFiles(incoming) : [])
        {
            using var held = FileLock.TryAcquire(path); // the request that receives a file holds it
            if (held is not null)
            {
                File.Delete(path);
                deleted++;
            }
        }

        return deleted;
    }

    /// <summary>The path of a key; null if the key, or a link on its way, could lead out of the folder.</summary>
    private string? PathOf(string key)
    {
        if (!FileKey.IsSafe(key))
        {
            return null;
        }

        var path = root;
        foreach (var segment in key.Split('/'))
        {
            path = Path.Combine(path, segment);
            if (new FileInfo(path).LinkTarget is not null)
            {
                return null;
            }
        }

        return path;
    }

    private FileStream Create()
    {
        if (mustExist && !Directory.Exists(root))
        {
            throw new DirectoryNotFoundException($"The folder {root} does not exist.");
        }

        var incoming = Path.Combine(root, Incoming);
        PrivateFiles.CreateClosedFolder(incoming);
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            Share = FileShare.None,
            Options = FileOptions.Asynchronous,
            BufferSize = 0, // a full disk is noticed by the write itself
        };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return new FileStream(Path.Combine(incoming, $"{Guid.NewGuid():N}"), options);
    }

    private T Try<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (IsOfStore(e))
        {
            throw FileStoreException.Failed($"{setting} cannot be used", e);
        }
    }

    private void Try(Action work) =>
        Try(() =>
        {
            work();
            return true;
        });

    private static bool IsOfStore(Exception exception) => exception is IOException or UnauthorizedAccessException;

    private sealed class StagedFile(FolderStore store, string target, FileStream file) : IStagedFile
    {
        private bool isPublished;

        public async Task WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
        {
            try
            {
                await file.WriteAsync(bytes, cancellationToken);
            }
            catch (Exception e) when (IsOfStore(e))
            {
                throw FileStoreException.Failed($"{store.setting} cannot hold the file", e);
            }
        }

        public void Flush() => store.Try(() => file.Flush(flushToDisk: true));

        public Task PublishAsync(CancellationToken cancellationToken)
        {
            store.Try(() =>
            {
                file.Dispose();
                var parent = Path.GetDirectoryName(target)!;
                PrivateFiles.CreateClosedFolder(parent);
                File.Move(file.Name, target, overwrite: true);
                isPublished = true;
                FlushFolder(parent);
                FlushFolder(store.root);
            });
            return Task.CompletedTask;
        }

        public async ValueTask DisposeAsync()
        {
            await file.DisposeAsync();
            if (!isPublished)
            {
                File.Delete(file.Name);
            }
        }
    }

    /// <summary>Makes the names in a folder outlast a power failure. .NET opens no folder.</summary>
    private static void FlushFolder(string path)
    {
        if (!OperatingSystem.IsWindows())
        {
            using var handle = new SafeFileHandle(Open(path, 0), ownsHandle: true);
            if (!handle.IsInvalid)
            {
                RandomAccess.FlushToDisk(handle);
            }
        }
    }

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);
}
