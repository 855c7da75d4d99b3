using Exact.Domain;
using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;

namespace Exact.Infrastructure.Files;

/// <summary>
/// The files of one request. They are kept with the rows that name them, or not at all: disposing discards what was not
/// saved.
/// </summary>
internal sealed class FileUpload(IFileStore store, ExactDbContext database, TimeProvider time) : IAsyncDisposable
{
    private readonly List<(StoredFile Row, IStagedFile Staged)> files = [];
    private readonly List<string> published = [];

    /// <summary>Receives a file.</summary>
    /// <exception cref="StoredFileTooLargeException">The file is larger than it may be.</exception>
    public async Task<StoredFile> ReceiveAsync(
        Stream content,
        string originalName,
        string contentType,
        string createdBy,
        long maxBytes,
        CancellationToken cancellationToken
    )
    {
        var key = FileKey.New();
        await using var hashed = new HashedStream(content, maxBytes);
        var staged = await store.StageAsync(key, hashed, cancellationToken);
        var row = new StoredFile
        {
            Key = key,
            OriginalName = originalName,
            ContentType = contentType,
            Size = hashed.Count,
            Sha256 = hashed.Sha256,
            CreatedAt = time.GetUtcNow(),
            CreatedBy = createdBy,
        };
        files.Add((row, staged));
        return row;
    }

    /// <summary>Makes the changes in a transaction, publishes the files, and commits.</summary>
    /// <param name="change">Makes the changes that go with the files; false takes everything back.</param>
    public async Task<bool> SaveAsync(Func<Task<bool>> change, CancellationToken cancellationToken)
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.Database.ExecuteSqlRawAsync(PublishingLock.Share, cancellationToken);
        database.StoredFiles.AddRange(files.Select(file => file.Row));
        if (!await change())
        {
            return false;
        }

        await database.SaveChangesAsync(cancellationToken);
        foreach (var (row, staged) in files)
        {
            published.Add(row.Key);
            await staged.PublishAsync(cancellationToken);
        }

        // From here on the files stay: if the connection is lost, the rows may have been committed.
        published.Clear();
        await transaction.CommitAsync(CancellationToken.None);
        return true;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var (_, staged) in files)
        {
            await staged.DisposeAsync();
        }

        foreach (var key in published)
        {
            await store.DeleteAsync(key, CancellationToken.None);
        }
    }
}
