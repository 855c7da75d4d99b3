namespace Exact.Infrastructure.Files;

/// <summary>Stands for a store until one is configured: it holds nothing, and takes nothing.</summary>
internal sealed class UnconfiguredStore : IFileStore
{
    public Task<IStagedFile> StageAsync(string key, Stream content, CancellationToken cancellationToken) =>
        throw NotConfigured();

    public Task<long?> FindSizeAsync(string key, CancellationToken cancellationToken) => throw NotConfigured();

    public Task<Stream> OpenAsync(string key, long offset, CancellationToken cancellationToken) =>
        throw NotConfigured();

    public Task DeleteAsync(string key, CancellationToken cancellationToken) => throw NotConfigured();

    public IAsyncEnumerable<(string Key, long Size)> ListAsync(CancellationToken cancellationToken) =>
        throw NotConfigured();

    public int DeleteUnfinished() => 0;

    private static FileStoreException NotConfigured() =>
        new("No place for files is configured. Set Files__Folder or Files__S3__Bucket, and start the service again.");
}
