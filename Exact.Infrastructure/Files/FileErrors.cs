namespace Exact.Infrastructure.Files;

/// <summary>The file store has no file with this key.</summary>
internal sealed class FileMissingException(string key)
    : IOException($"The file store has no file \"{key}\". Run \"files check\" to list what is missing.");

/// <summary>The file store cannot be used.</summary>
internal sealed class FileStoreException(string message, Exception? cause = null) : IOException(message, cause)
{
    public static FileStoreException Failed(string what, Exception cause) =>
        new($"{what}: {cause.Message} Nothing was changed.", cause);
}

/// <summary>A file is larger than it may be.</summary>
internal sealed class StoredFileTooLargeException(long maxBytes)
    : IOException($"The file may have at most {maxBytes} bytes. Nothing was changed. Send a smaller file.");
