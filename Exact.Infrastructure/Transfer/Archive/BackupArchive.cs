using System.Formats.Tar;
using Exact.Infrastructure.Files;
using Exact.Infrastructure.Transfer.Reading;

namespace Exact.Infrastructure.Transfer.Archive;

/// <summary>A complete backup that is being read: first <see cref="Backup"/>, then the files, then the manifest.</summary>
internal sealed class BackupArchive : IAsyncDisposable
{
    private readonly Stream source;
    private readonly TarReader tar;
    private readonly HashedStream backup;

    private BackupArchive(Stream source, TarReader tar, Stream backup)
    {
        this.source = source;
        this.tar = tar;
        this.backup = new HashedStream(backup, long.MaxValue);
    }

    /// <summary>The fixture.</summary>
    public Stream Backup => backup;

    /// <summary>Opens an archive.</summary>
    /// <returns>Null if the source is not a complete backup; then nothing of it has been read.</returns>
    /// <exception cref="ArchiveException">It is another archive.</exception>
    public static async Task<BackupArchive?> TryOpenAsync(PeekedStream source, CancellationToken cancellationToken)
    {
        if (!IsArchive((await source.PeekAsync(cancellationToken)).Span))
        {
            return null;
        }

        var tar = new TarReader(source, leaveOpen: true);
        var first = await NextAsync(tar, cancellationToken);
        return first is { DataStream: { } content } && NameOf(first) is ArchiveManifest.BackupEntry
            ? new BackupArchive(source, tar, content)
            : throw ArchiveException.OfAnotherKind();
    }

    /// <summary>Reads what follows the fixture, to the end.</summary>
    /// <param name="receive">Is given the key and the content of each file.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="ArchiveException">The archive is not complete, or was changed.</exception>
    public async Task<ArchiveManifest> ReadFilesAsync(
        Func<string, Stream, CancellationToken, Task> receive,
        CancellationToken cancellationToken
    )
    {
        await backup.CopyToAsync(Stream.Null, cancellationToken);
        while (await NextAsync(tar, cancellationToken) is { } entry)
        {
            var name = NameOf(entry);
            if (name is ArchiveManifest.ManifestEntry && entry.DataStream is { } last)
            {
                return await CompleteAsync(await ArchiveManifest.ReadAsync(last, cancellationToken), cancellationToken);
            }

            if (entry.EntryType is not TarEntryType.Directory) // other programs that write tar archives add folders
            {
                await receive(KeyOf(entry, name), entry.DataStream ?? Stream.Null, cancellationToken);
            }
        }

        throw new ArchiveException(
            $"It has no {ArchiveManifest.ManifestEntry} at its end, so it was cut off, or Exact has not written it. To "
                + $"import only the records that are left, unpack it (tar -xf FILE) and import {ArchiveManifest.BackupEntry}."
        );
    }

    public async ValueTask DisposeAsync()
    {
        await tar.DisposeAsync();
        await backup.DisposeAsync();
    }

    private async Task<ArchiveManifest> CompleteAsync(ArchiveManifest manifest, CancellationToken cancellationToken)
    {
        if (await NextAsync(tar, cancellationToken) is { } more)
        {
            throw new ArchiveException($"\"{Show(more.Name)}\" follows its {ArchiveManifest.ManifestEntry}.");
        }

        await PassOverPaddingAsync(cancellationToken);
        return backup.Sha256 == manifest.Sha256
            ? manifest
            : throw new ArchiveException(
                $"Its {ArchiveManifest.BackupEntry} is not the one that its manifest describes."
            );
    }

    /// <summary>Reads what is left, for only at its end does a packed archive show that it was cut off.</summary>
    private async Task PassOverPaddingAsync(CancellationToken cancellationToken)
    {
        try
        {
            await source.CopyToAsync(Stream.Null, cancellationToken);
        }
        catch (Exception e) when (IsDamage(e))
        {
            throw new ArchiveException("It was cut off at its end.", e);
        }
    }

    private static string KeyOf(TarEntry entry, string name)
    {
        var key = name.StartsWith(ArchiveManifest.FilesFolder, StringComparison.Ordinal)
            ? name[ArchiveManifest.FilesFolder.Length..]
            : "";
        var isFile = entry.EntryType is TarEntryType.RegularFile or TarEntryType.V7RegularFile;
        return isFile && FileKey.IsSafe(key)
            ? key
            : throw new ArchiveException($"\"{Show(name)}\" is not a file below {ArchiveManifest.FilesFolder}.");
    }

    private static async Task<TarEntry?> NextAsync(TarReader tar, CancellationToken cancellationToken)
    {
        try
        {
            return await tar.GetNextEntryAsync(copyData: false, cancellationToken);
        }
        catch (Exception e) when (IsDamage(e))
        {
            throw new ArchiveException("Its structure cannot be read.", e);
        }
    }

    /// <summary>Whether an exception tells that the archive is not whole.</summary>
    public static bool IsDamage(Exception exception) => exception is InvalidDataException or EndOfStreamException;

    private static string NameOf(TarEntry entry) =>
        entry.Name.StartsWith("./", StringComparison.Ordinal) ? entry.Name[2..] : entry.Name;

    private static string Show(string name) => FixtureError.Shorten(name);

    /// <summary>The first header is that of <c>backup.json</c>, or the extended header before it, which may not name it.</summary>
    private static bool IsArchive(ReadOnlySpan<byte> header)
    {
        if (header.Length < PeekedStream.HeaderLength || !header[257..].StartsWith("ustar"u8))
        {
            return false;
        }

        var name = header[..100];
        name = name[..(name.IndexOf((byte)0) is var end and >= 0 ? end : name.Length)];
        var isExtended = header[156] is (byte)'x' && name.StartsWith("./PaxHeaders"u8);
        return isExtended || name.SequenceEqual("backup.json"u8) || name.SequenceEqual("./backup.json"u8);
    }
}
