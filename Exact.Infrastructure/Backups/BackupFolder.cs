using System.Globalization;
using System.Text.Json;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Files;

namespace Exact.Infrastructure.Backups;

/// <summary>The archives in a folder or a bucket, each with a small JSON file beside it that describes it.</summary>
internal sealed class BackupFolder(IFileStore store)
{
    private const string Setting = "Backups:Folder";
    private const string Scheme = "s3://";
    private const string Prefix = "exact-";
    private const string Extension = ".tar.gz";
    private const string TimeFormat = "yyyyMMdd'T'HHmmss'Z'";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
    };

    /// <summary>Whether the setting names a bucket.</summary>
    public static bool IsBucket(string folder) => folder.StartsWith(Scheme, StringComparison.Ordinal);

    /// <summary>Whether a file of this name is a backup.</summary>
    public static bool IsName(string file) => TimeOf(file) is not null;

    /// <summary>The bucket and the name of <c>s3://BUCKET/PREFIX/NAME</c>.</summary>
    public static (string Folder, string Name) Split(string archive)
    {
        var name = archive.LastIndexOf('/') + 1;
        return (archive[..name], archive[name..]);
    }

    /// <summary>Opens a folder, or the bucket that <c>s3://BUCKET/PREFIX/</c> names, with the account of the files.</summary>
    /// <exception cref="SettingException">It is among the stored files, which <c>files check</c> cleans up.</exception>
    public static BackupFolder Open(string folder, FileStoreOptions files)
    {
        if (!IsBucket(folder))
        {
            // To create it would fill the disk below a file system that is not mounted, and hide that.
            return IsWithin(folder, files.Folder)
                ? throw AmongFiles("Files:Folder")
                : new(new FolderStore(folder, Setting, mustExist: true));
        }

        var place = folder[Scheme.Length..].Split('/', 2);
        var prefix = place is [_, { Length: > 0 } path] ? $"{path.TrimEnd('/')}/" : "";
        var account = files.S3;
        if (place[0] == account.Bucket && prefix.StartsWith(account.Prefix, StringComparison.Ordinal))
        {
            throw AmongFiles("Files:S3");
        }

        return new BackupFolder(
            new BucketStore(
                new BucketOptions
                {
                    Bucket = place[0],
                    Prefix = prefix,
                    Region = account.Region,
                    ServiceUrl = account.ServiceUrl,
                    PathStyle = account.PathStyle,
                    AccessKey = account.AccessKey,
                    SecretKey = account.SecretKey,
                    PartBytes = account.PartBytes,
                },
                $"{Setting} ({folder})"
            )
        );
    }

    /// <summary>The name of a new archive.</summary>
    /// <param name="at">When it is made.</param>
    /// <param name="operation">The operation that makes it, so that no two have the same name.</param>
    public static string NameOf(DateTimeOffset at, long operation) =>
        $"{Prefix}{at.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture)}-{operation}{Extension}";

    /// <summary>Receives an archive, which has no name before it is published.</summary>
    public Task<IStagedFile> StageAsync(string name, Stream content, CancellationToken cancellationToken) =>
        store.StageAsync(name, content, cancellationToken);

    /// <summary>An archive to read from any position; null if there is none of this name.</summary>
    public async Task<Stream?> FindAsync(string name, CancellationToken cancellationToken) =>
        TimeOf(name) is not null && await store.FindSizeAsync(name, cancellationToken) is { } length
            ? new StoredFileStream(store, name, length)
            : null;

    public async Task<long> SizeOfAsync(string name, CancellationToken cancellationToken) =>
        await store.FindSizeAsync(name, cancellationToken) ?? 0;

    /// <summary>Writes the description of an archive beside it, in place of a former one.</summary>
    public async Task DescribeAsync(Backup backup, CancellationToken cancellationToken)
    {
        using var content = new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(backup, Json));
        await using var staged = await store.StageAsync(DescriptionOf(backup.Name), content, cancellationToken);
        await staged.PublishAsync(cancellationToken);
    }

    /// <summary>All archives, newest first. One without a description was interrupted before it was verified.</summary>
    public async Task<IReadOnlyList<Backup>> ListAsync(CancellationToken cancellationToken)
    {
        var sizes = new Dictionary<string, long>();
        await foreach (var (name, size) in store.ListAsync(cancellationToken))
        {
            sizes.Add(name, size);
        }

        var backups = new List<Backup>();
        foreach (var (name, size) in sizes)
        {
            if (TimeOf(name) is { } at)
            {
                var described = await ReadAsync(name, cancellationToken);
                backups.Add(
                    described?.Bytes == size
                        ? described
                        : new Backup
                        {
                            Name = name,
                            TakenAt = at,
                            Bytes = size,
                            Error = "Nothing beside it says that it was verified.",
                        }
                );
            }
        }

        return [.. backups.OrderByDescending(backup => backup.TakenAt).ThenByDescending(backup => backup.Name)];
    }

    /// <summary>Deletes an archive, its description last, so that one without an archive is only a trace.</summary>
    public async Task DeleteAsync(Backup backup, CancellationToken cancellationToken)
    {
        await store.DeleteAsync(backup.Name, cancellationToken);
        await store.DeleteAsync(DescriptionOf(backup.Name), cancellationToken);
    }

    /// <summary>Deletes what killed processes have left.</summary>
    public void DeleteUnfinished() => store.DeleteUnfinished();

    private async Task<Backup?> ReadAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            await using var content = await store.OpenAsync(DescriptionOf(name), offset: 0, cancellationToken);
            return await JsonSerializer.DeserializeAsync<Backup>(content, Json, cancellationToken);
        }
        catch (Exception e) when (e is JsonException or FileMissingException)
        {
            return null; // one that was changed proves nothing; another replica may just have deleted it
        }
    }

    private static bool IsWithin(string folder, string? files) =>
        files is { Length: > 0 }
        && $"{Path.GetFullPath(folder)}/".StartsWith($"{Path.GetFullPath(files)}/", StringComparison.Ordinal);

    private static SettingException AmongFiles(string files) =>
        new(Setting, $"must not be inside {files}, where files check deletes what it does not know.");

    private static string DescriptionOf(string name) => $"{name}.json";

    private static DateTimeOffset? TimeOf(string name) =>
        name.StartsWith(Prefix, StringComparison.Ordinal)
        && name.EndsWith(Extension, StringComparison.Ordinal)
        && DateTimeOffset.TryParseExact(
            name[Prefix.Length..].Split('-')[0],
            TimeFormat,
            CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal,
            out var at
        )
            ? at
            : null;
}
