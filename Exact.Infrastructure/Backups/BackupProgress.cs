using Exact.Infrastructure.Transfer.Exporting;

namespace Exact.Infrastructure.Backups;

/// <summary>How far a backup is. The journal gets what is written.</summary>
internal sealed class BackupProgress : IProgress<ExportProgress>
{
    private long written;
    private volatile Stream? archive;

    /// <summary>The operation that makes the backup.</summary>
    public IProgress<ExportProgress>? Journal { get; set; }

    /// <summary>What has been written so far, before it is packed.</summary>
    public long Written => Interlocked.Read(ref written);

    /// <summary>How much of the archive has been verified, and its length; null before that.</summary>
    public (long Read, long Length)? Verified => archive is { } file ? (file.Position, file.Length) : null;

    public void Report(ExportProgress value)
    {
        Interlocked.Exchange(ref written, value.Bytes);
        Journal?.Report(value);
    }

    /// <summary>Tells that the archive is written, and is now read again.</summary>
    public void Verify(Stream file) => archive = file;
}
