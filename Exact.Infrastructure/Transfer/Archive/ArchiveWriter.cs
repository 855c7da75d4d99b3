using System.Formats.Tar;
using System.Security.Cryptography;
using Exact.Infrastructure.Files;
using Exact.Infrastructure.Transfer.Exporting;
using Npgsql;

namespace Exact.Infrastructure.Transfer.Archive;

/// <summary>
/// Writes a complete backup: a tar archive of the fixture, the files that it names, and the manifest.
/// </summary>
/// <remarks>
/// A tar entry begins with its length, so the fixture is written twice from the same snapshot: first to measure it.
/// </remarks>
internal sealed class ArchiveWriter(FixtureExporter exporter, IFileStore store)
{
    /// <summary>Writes the archive as it is read. When this throws, the archive has no end.</summary>
    /// <param name="snapshot">What <see cref="FixtureExporter.OpenSnapshotAsync"/> opened.</param>
    /// <param name="contents">What the snapshot holds.</param>
    /// <param name="destination">Left open.</param>
    /// <param name="options">What to write.</param>
    /// <param name="progress">Is told the bytes of the fixture and of each file.</param>
    /// <param name="cancellationToken">Ends the export.</param>
    public async Task<ExportReport> WriteAsync(
        NpgsqlConnection snapshot,
        ExportManifest contents,
        Stream destination,
        ExportOptions options,
        IProgress<ExportProgress>? progress,
        CancellationToken cancellationToken
    )
    {
        options = options with { Format = FixtureFormat.Json };
        var (backup, sha256) = await MeasureAsync(snapshot, options, cancellationToken);
        var tar = new TarWriter(destination, TarEntryFormat.Pax, leaveOpen: true);
        await PipedStream.ConnectAsync(
            (stream, ends) => exporter.WriteAsync(snapshot, stream, options, progress, ends),
            async (stream, ends) =>
            {
                var content = new SizedStream(stream, ArchiveManifest.BackupEntry, backup.Bytes);
                await AddAsync(tar, ArchiveManifest.BackupEntry, content, contents.At, ends);
                return true;
            },
            cancellationToken
        );
        var manifest = new ArchiveManifest(
            contents.Version,
            contents.Schema,
            contents.At,
            backup.Models.Values.Sum(),
            backup.Models,
            sha256,
            Files: 0,
            FileBytes: 0,
            Damaged: []
        );
        manifest = await AddFilesAsync(tar, snapshot, manifest, options, progress, cancellationToken);
        var last = new MemoryStream(manifest.Write());
        await AddAsync(tar, ArchiveManifest.ManifestEntry, last, contents.At, cancellationToken);
        await tar.DisposeAsync(); // not after a failure: it writes the end of the archive
        return backup with { Bytes = backup.Bytes + manifest.FileBytes, Archive = manifest };
    }

    private async Task<(ExportReport Report, string Sha256)> MeasureAsync(
        NpgsqlConnection snapshot,
        ExportOptions options,
        CancellationToken cancellationToken
    )
    {
        using var hash = SHA256.Create();
        await using var hashing = new CryptoStream(Stream.Null, hash, CryptoStreamMode.Write);
        var report = await exporter.WriteAsync(snapshot, hashing, options, progress: null, cancellationToken);
        await hashing.FlushFinalBlockAsync(cancellationToken);
        return (report, Convert.ToHexStringLower(hash.Hash!));
    }

    private async Task<ArchiveManifest> AddFilesAsync(
        TarWriter tar,
        NpgsqlConnection snapshot,
        ArchiveManifest manifest,
        ExportOptions options,
        IProgress<ExportProgress>? progress,
        CancellationToken cancellationToken
    )
    {
        var damaged = new List<string>();
        var (files, bytes) = (0L, 0L);
        await foreach (var (key, size, sha256) in exporter.ReadFilesAsync(snapshot, options, cancellationToken))
        {
            if (await store.FindSizeAsync(key, cancellationToken) != size)
            {
                damaged.Add(key);
                continue;
            }

            await using var content = await store.OpenAsync(key, offset: 0, cancellationToken);
            await using var hashed = new HashedStream(content, long.MaxValue);
            var entry = $"{ArchiveManifest.FilesFolder}{key}";
            await AddAsync(tar, entry, new SizedStream(hashed, entry, size), manifest.TakenAt, cancellationToken);
            files++;
            bytes += size;
            if (hashed.Sha256 != sha256)
            {
                damaged.Add(key);
            }

            progress?.Report(new ExportProgress(bytes));
        }

        return manifest with
        {
            Files = files,
            FileBytes = bytes,
            Damaged = damaged,
        };
    }

    private static Task AddAsync(
        TarWriter tar,
        string name,
        Stream content,
        DateTimeOffset at,
        CancellationToken cancellationToken
    )
    {
        var entry = new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = content, ModificationTime = at };
        return tar.WriteEntryAsync(entry, cancellationToken);
    }
}
