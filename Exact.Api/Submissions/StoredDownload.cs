using Exact.Infrastructure.Files;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;

namespace Exact.Api.Submissions;

/// <summary>Sends a stored file as an attachment, with ranges and an ETag.</summary>
internal static class StoredDownload
{
    /// <summary>The file; null if the store does not have it.</summary>
    public static async Task<FileStreamHttpResult?> FindAsync(
        IFileStore store,
        string key,
        string name,
        string? sha256,
        CancellationToken cancellationToken
    ) =>
        FileKey.IsSafe(key) && await store.FindSizeAsync(key, cancellationToken) is { } length
            ? TypedResults.File(
                new StoredFileStream(store, key, length),
                "application/octet-stream",
                name,
                entityTag: sha256 is null ? null : new EntityTagHeaderValue($"\"{sha256}\""),
                enableRangeProcessing: true
            )
            : null;
}
