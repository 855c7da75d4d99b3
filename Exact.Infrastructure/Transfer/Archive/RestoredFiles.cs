using Exact.Infrastructure.Files;
using Npgsql;

namespace Exact.Infrastructure.Transfer.Archive;

/// <summary>
/// The files of an archive in the file store, while the rows that name them are not committed. Disposing removes them,
/// unless they are kept.
/// </summary>
/// <param name="connection">The transaction of the import.</param>
/// <param name="store">The file store; null if the files are only checked.</param>
internal sealed class RestoredFiles(NpgsqlConnection connection, IFileStore? store) : IAsyncDisposable
{
    private readonly Dictionary<string, (long Size, string Sha256)> received = [];
    private readonly List<string> published = [];
    private readonly Dictionary<string, IStagedFile> replacements = [];

    /// <summary>Receives all files of an archive. Nobody finds them before their rows are committed.</summary>
    /// <exception cref="ArchiveException">The archive is not complete, or was changed.</exception>
    public async Task<ArchiveManifest> ReceiveAsync(BackupArchive archive, CancellationToken cancellationToken)
    {
        await using (var publish = new NpgsqlCommand(PublishingLock.Share, connection))
        {
            await publish.ExecuteNonQueryAsync(cancellationToken);
        }

        var manifest = await archive.ReadFilesAsync(ReceiveAsync, cancellationToken);
        var gone = manifest.StoredFileRecords - received.Count - manifest.Damaged.Except(received.Keys).Count();
        if (gone != 0 || received.Count != manifest.Files)
        {
            throw new ArchiveException(
                $"It has {received.Count} of {manifest.Files} files for {manifest.StoredFileRecords} rows."
            );
        }

        foreach (var key in manifest.Damaged.Where(received.ContainsKey))
        {
            await DiscardAsync(key, cancellationToken);
        }

        return manifest;
    }

    /// <summary>Compares the files with the rows that the import has merged, and puts those in place that replace others.</summary>
    /// <exception cref="ArchiveException">A file is not the one that its row describes.</exception>
    public async Task CompleteAsync(CancellationToken cancellationToken)
    {
        if (received.Count == 0)
        {
            return;
        }

        var left = received.Keys.ToHashSet();
        await using (
            var command = new NpgsqlCommand(
                "SELECT key, size, sha256 FROM stored_files WHERE key = ANY (@keys)",
                connection
            )
        )
        {
            command.Parameters.AddWithValue("keys", left.ToArray());
            await using var rows = await command.ExecuteReaderAsync(cancellationToken);
            while (await rows.ReadAsync(cancellationToken))
            {
                var key = rows.GetString(0);
                if (received[key] != (rows.GetInt64(1), rows.GetString(2)))
                {
                    throw new ArchiveException($"Its file \"{key}\" is not the one that was backed up.");
                }

                left.Remove(key);
            }
        }

        if (left.Count > 0)
        {
            throw new ArchiveException($"No row names its file \"{left.First()}\".");
        }

        foreach (var (key, replacement) in replacements)
        {
            await replacement.PublishAsync(cancellationToken);
        }
    }

    /// <summary>The rows are committed, or may be.</summary>
    public void Keep() => published.Clear();

    public async ValueTask DisposeAsync()
    {
        foreach (var replacement in replacements.Values)
        {
            await replacement.DisposeAsync();
        }

        foreach (var key in published)
        {
            await store!.DeleteAsync(key, CancellationToken.None);
        }
    }

    private async Task ReceiveAsync(string key, Stream content, CancellationToken cancellationToken)
    {
        await using var hashed = new HashedStream(content, long.MaxValue);
        if (store is null)
        {
            await hashed.CopyToAsync(Stream.Null, cancellationToken);
        }
        else
        {
            await StoreAsync(store, key, hashed, cancellationToken);
        }

        if (!received.TryAdd(key, (hashed.Count, hashed.Sha256)))
        {
            throw new ArchiveException($"It has the file \"{key}\" twice.");
        }
    }

    private async Task StoreAsync(
        IFileStore files,
        string key,
        HashedStream content,
        CancellationToken cancellationToken
    )
    {
        var present = await HashAsync(files, key, cancellationToken);
        var staged = await files.StageAsync(key, content, cancellationToken);
        if (present is null)
        {
            await using (staged)
            {
                published.Add(key);
                await staged.PublishAsync(cancellationToken);
            }
        }
        else if (present == content.Sha256)
        {
            await staged.DisposeAsync();
        }
        else if (!replacements.TryAdd(key, staged)) // until the end, the store keeps what it has
        {
            await staged.DisposeAsync();
        }
    }

    private async Task DiscardAsync(string key, CancellationToken cancellationToken)
    {
        received.Remove(key);
        if (replacements.Remove(key, out var replacement))
        {
            await replacement.DisposeAsync();
        }

        if (published.Remove(key))
        {
            await store!.DeleteAsync(key, cancellationToken);
        }
    }

    private static async Task<string?> HashAsync(IFileStore files, string key, CancellationToken cancellationToken)
    {
        if (await files.FindSizeAsync(key, cancellationToken) is null)
        {
            return null;
        }

        await using var content = await files.OpenAsync(key, offset: 0, cancellationToken);
        await using var hashed = new HashedStream(content, long.MaxValue);
        await hashed.CopyToAsync(Stream.Null, cancellationToken);
        return hashed.Sha256;
    }
}
