using Exact.Api.Transfers.Unpacking;

namespace Exact.Api.Transfers;

/// <summary>Keeps an upload in a private file until it is imported. The file ends with the process, even a killed one.</summary>
internal static class Spool
{
    private const int CopyBuffer = 128 * 1024;

    /// <summary>Copies a stream into a new file, and rewinds that.</summary>
    /// <param name="received">Told how many bytes there are so far.</param>
    /// <exception cref="FileTooLargeException"><paramref name="source"/> is longer than <paramref name="maxBytes"/>.</exception>
    /// <exception cref="SpoolException">The folder cannot hold the file.</exception>
    public static async Task<FileStream> KeepAsync(
        Stream source,
        string folder,
        long maxBytes,
        Action<long> received,
        CancellationToken cancellationToken
    )
    {
        var copy = Create(folder);
        try
        {
            var buffer = new byte[CopyBuffer];
            while (await source.ReadAsync(buffer, cancellationToken) is var read and > 0)
            {
                if (copy.Position + read > maxBytes)
                {
                    throw FileTooLargeException.Above(maxBytes);
                }

                await WriteAsync(copy, buffer.AsMemory(0, read), cancellationToken);
                received(copy.Position);
            }

            copy.Position = 0;
            return copy;
        }
        catch
        {
            await copy.DisposeAsync();
            throw;
        }
    }

    private static FileStream Create(string folder)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.None,
            Options = FileOptions.Asynchronous | FileOptions.SequentialScan,
            BufferSize = 0, // a full disk is noticed by the write itself
        };
        if (OperatingSystem.IsWindows())
        {
            options.Options |= FileOptions.DeleteOnClose; // the system deletes it, even if the process is killed
        }
        else
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        try
        {
            var file = new FileStream(Path.Combine(folder, $"exact-upload-{Guid.NewGuid():N}"), options);
            if (!OperatingSystem.IsWindows())
            {
                File.Delete(file.Name); // only the name; the open file stays until it is closed
            }

            return file;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SpoolException(e);
        }
    }

    private static async ValueTask WriteAsync(
        FileStream copy,
        ReadOnlyMemory<byte> bytes,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await copy.WriteAsync(bytes, cancellationToken);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SpoolException(e);
        }
    }
}

/// <summary>The spool folder cannot hold an upload.</summary>
internal sealed class SpoolException(Exception cause)
    : IOException(
        $"The upload cannot be kept in Transfers:SpoolFolder: {cause.Message} Nothing was changed. "
            + "Free some space, or name another folder.",
        cause
    );
