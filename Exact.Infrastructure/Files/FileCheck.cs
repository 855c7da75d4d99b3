using Exact.Domain;
using Exact.Infrastructure.Database;
using Microsoft.AspNetCore.StaticFiles;
using Microsoft.EntityFrameworkCore;

namespace Exact.Infrastructure.Files;

/// <summary>Compares the file store with the database, byte by byte.</summary>
internal sealed class FileCheck(IFileStore store, ExactDbContext database)
{
    private const string NothingNamesIt = "no challenge or submission names it";

    private static readonly FileExtensionContentTypeProvider Types = new();

    /// <summary>Finds what is missing, orphaned, altered or not adopted.</summary>
    /// <param name="adopt">Takes over files that challenges name, such as media copied from Django.</param>
    /// <param name="deleteOrphans">Deletes the files that nothing names, and their rows.</param>
    public async Task<FileCheckReport> RunAsync(bool adopt, bool deleteOrphans, CancellationToken cancellationToken)
    {
        var rows = await database.StoredFiles.AsNoTracking().ToDictionaryAsync(row => row.Key, cancellationToken);
        var uses = (await FileUse.In(database).ToListAsync(cancellationToken)).ToLookup(use => use.Key);
        var findings = new List<FileFinding>();
        var strays = new HashSet<string>();
        var seen = new HashSet<string>();
        var count = 0L;
        var bytes = 0L;
        await foreach (var (key, size) in store.ListAsync(cancellationToken))
        {
            count++;
            bytes += size;
            seen.Add(key);
            if (rows.TryGetValue(key, out var row) && await CompareAsync(row, size, cancellationToken) is { } altered)
            {
                findings.Add(altered);
            }
            else if (row is null && uses.Contains(key))
            {
                findings.Add(await AdoptAsync(uses[key].First(), key, adopt, cancellationToken));
            }
            else if (row is null)
            {
                strays.Add(key);
            }
        }

        foreach (var use in uses.Select(group => group.First()).Where(use => !seen.Contains(use.Key)))
        {
            var elsewhere = use.OtherPlaces().FirstOrDefault(strays.Remove);
            findings.Add(
                elsewhere is null
                    ? new(FileState.Missing, use.Key, $"{use} is not in the file store")
                    : await AdoptAsync(use, elsewhere, adopt, cancellationToken)
            );
        }

        var unnamed = strays.Concat(rows.Keys.Where(key => !uses.Contains(key)));
        findings.AddRange(
            deleteOrphans
                ? await DeleteAsync(unnamed, cancellationToken)
                : await FindOrphansAsync(unnamed, FileState.Orphaned, cancellationToken)
        );
        return new(count, bytes, deleteOrphans ? store.DeleteUnfinished() : 0, findings);
    }

    private async Task<FileFinding?> CompareAsync(StoredFile row, long size, CancellationToken cancellationToken)
    {
        if (size != row.Size)
        {
            return new(FileState.Altered, row.Key, $"has {size} bytes, not {row.Size}");
        }

        var (_, sha256) = await HashAsync(row.Key, cancellationToken);
        return sha256 == row.Sha256 ? null : new(FileState.Altered, row.Key, $"has SHA-256 {sha256}, not {row.Sha256}");
    }

    private async Task<FileFinding> AdoptAsync(FileUse use, string key, bool adopt, CancellationToken cancellationToken)
    {
        if (!adopt)
        {
            return new(FileState.NotAdopted, key, $"{use} was not uploaded here; --adopt takes it over");
        }

        if (key.Length > FileUse.MaxKey)
        {
            return new(FileState.NotAdopted, key, $"is longer than {FileUse.MaxKey} characters; shorten its path");
        }

        var name = key[(key.LastIndexOf('/') + 1)..];
        var (size, sha256) = await HashAsync(key, cancellationToken);
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await use.MoveAsync(database, key, cancellationToken);
        database.StoredFiles.Add(
            new StoredFile
            {
                Key = key,
                OriginalName = name,
                ContentType = Types.TryGetContentType(name, out var type) ? type : "application/octet-stream",
                Size = size,
                Sha256 = sha256,
                CreatedAt = use.CreatedAt,
                CreatedBy = use.CreatedBy,
            }
        );
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(CancellationToken.None);
        database.ChangeTracker.Clear();
        return new(FileState.Adopted, key, $"{use}, {size} bytes");
    }

    /// <summary>Looks again, because an upload may have been saved meanwhile.</summary>
    private async Task<IReadOnlyList<FileFinding>> FindOrphansAsync(
        IEnumerable<string> keys,
        FileState state,
        CancellationToken cancellationToken
    )
    {
        var used = await FileUse.In(database).Select(use => use.Key).ToHashSetAsync(cancellationToken);
        return [.. from key in keys where !used.Contains(key) select new FileFinding(state, key, NothingNamesIt)];
    }

    private async Task<IReadOnlyList<FileFinding>> DeleteAsync(
        IEnumerable<string> keys,
        CancellationToken cancellationToken
    )
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.Database.ExecuteSqlRawAsync(PublishingLock.Take, cancellationToken);
        var orphans = await FindOrphansAsync(keys, FileState.Deleted, cancellationToken);
        var deleted = orphans.Select(orphan => orphan.Key).ToList();
        await database.StoredFiles.Where(row => deleted.Contains(row.Key)).ExecuteDeleteAsync(cancellationToken);
        await transaction.CommitAsync(CancellationToken.None);
        foreach (var key in deleted)
        {
            await store.DeleteAsync(key, cancellationToken);
        }

        return orphans;
    }

    private async Task<(long Size, string Sha256)> HashAsync(string key, CancellationToken cancellationToken)
    {
        await using var content = await store.OpenAsync(key, 0, cancellationToken);
        await using var hashed = new HashedStream(content, long.MaxValue);
        await hashed.CopyToAsync(Stream.Null, 128 * 1024, cancellationToken);
        return (hashed.Count, hashed.Sha256);
    }
}
