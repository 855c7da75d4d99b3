using System.Text.Json;

namespace Exact.Infrastructure.Transfer.Archive;

/// <summary>The last entry of a complete backup: what the archive holds, so that it proves itself.</summary>
/// <param name="Version">The version of Exact that wrote it.</param>
/// <param name="Schema">The newest migration that the database had.</param>
/// <param name="TakenAt">When the snapshot was taken.</param>
/// <param name="Records">All records of <c>backup.json</c>.</param>
/// <param name="Models">The records per Django label.</param>
/// <param name="Sha256">The hash of <c>backup.json</c>, as <c>sha256sum</c> prints it.</param>
/// <param name="Files">The number of stored files in the archive.</param>
/// <param name="FileBytes">Their size.</param>
/// <param name="Damaged">Keys of files that were missing or altered in the file store, and so cannot be restored.</param>
public sealed record ArchiveManifest(
    string Version,
    string Schema,
    DateTimeOffset TakenAt,
    long Records,
    IReadOnlyDictionary<string, long> Models,
    string Sha256,
    long Files,
    long FileBytes,
    IReadOnlyList<string> Damaged
)
{
    public const string BackupEntry = "backup.json";
    public const string FilesFolder = "files/";
    public const string ManifestEntry = "manifest.json";

    private const string StoredFiles = "exact.storedfile";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
        WriteIndented = true,
    };

    /// <summary>How many rows name a stored file.</summary>
    public long StoredFileRecords => Models.GetValueOrDefault(StoredFiles);

    public byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this, Json);

    /// <exception cref="ArchiveException">It is not a manifest.</exception>
    public static async Task<ArchiveManifest> ReadAsync(Stream content, CancellationToken cancellationToken)
    {
        try
        {
            return (await JsonSerializer.DeserializeAsync<ArchiveManifest>(content, Json, cancellationToken))!;
        }
        catch (JsonException e)
        {
            throw new ArchiveException($"Its {ManifestEntry} cannot be read: {e.Message}", e);
        }
    }
}

/// <summary>An archive is not the complete backup that it should be.</summary>
internal sealed class ArchiveException : Exception
{
    public ArchiveException(string detail, Exception? cause = null)
        : base($"The archive is damaged or was changed. {detail} Use an unchanged copy of it.", cause) { }

    private ArchiveException(Exception? cause, string message)
        : base(message, cause) { }

    /// <summary>A tar archive of other files.</summary>
    public static ArchiveException OfAnotherKind() =>
        new(
            cause: null,
            $"The file is a tar archive, but no complete backup, which begins with {ArchiveManifest.BackupEntry}. Unpack it "
                + "(tar -xf FILE), and import the fixture that it holds."
        );
}
