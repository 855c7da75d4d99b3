namespace Exact.Infrastructure.Files;

/// <summary>Holds the bytes of stored files: in a folder, or in a bucket.</summary>
internal interface IFileStore
{
    /// <summary>Receives all of a file. Nobody finds it before it is published.</summary>
    Task<IStagedFile> StageAsync(string key, Stream content, CancellationToken cancellationToken);

    /// <summary>The length of a file in bytes; null if there is none.</summary>
    Task<long?> FindSizeAsync(string key, CancellationToken cancellationToken);

    /// <summary>Opens a file at an offset.</summary>
    /// <exception cref="FileMissingException">There is no such file.</exception>
    Task<Stream> OpenAsync(string key, long offset, CancellationToken cancellationToken);

    /// <summary>Deletes a file, if there is one.</summary>
    Task DeleteAsync(string key, CancellationToken cancellationToken);

    /// <summary>All published files.</summary>
    IAsyncEnumerable<(string Key, long Size)> ListAsync(CancellationToken cancellationToken);

    /// <summary>Deletes what killed processes have left of their uploads.</summary>
    /// <returns>The number of uploads.</returns>
    int DeleteUnfinished();
}

/// <summary>A file that has been received. Disposing of it discards it, unless it was published.</summary>
internal interface IStagedFile : IAsyncDisposable
{
    /// <summary>Makes the file durable, and visible under its key, in place of a former one.</summary>
    Task PublishAsync(CancellationToken cancellationToken);
}
