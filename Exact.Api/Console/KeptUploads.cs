using System.Collections.Concurrent;
using Exact.Api.Transfers.Unpacking;
using Exact.Infrastructure.Transfer.Importing;

namespace Exact.Api.AdminConsole;

/// <summary>The files of the last dry runs, so that the import itself needs no second upload.</summary>
/// <remarks>They are open files without a name, so they end with the process. Other replicas do not have them.</remarks>
internal sealed class KeptUploads(TimeProvider time) : IDisposable
{
    /// <summary>How long an administrator has to read what would happen.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromHours(1);

    /// <summary>The spool folder has to hold them all.</summary>
    private const int MaxFiles = 3;

    private readonly ConcurrentDictionary<long, KeptUpload> uploads = new();
    private readonly ConcurrentDictionary<long, long> expected = new();

    /// <summary>Keeps a file that a dry run has accepted; the oldest may have to go.</summary>
    public void Keep(long dryRun, KeptUpload upload)
    {
        uploads[dryRun] = upload;
        upload.Ends = time.CreateTimer(_ => Take(dryRun)?.Dispose(), null, Patience, Timeout.InfiniteTimeSpan);
        foreach (var old in uploads.Keys.OrderDescending().Skip(MaxFiles))
        {
            Take(old)?.Dispose();
        }
    }

    /// <summary>The file of a dry run, which stays here; null if it is gone.</summary>
    public KeptUpload? Find(long dryRun) => uploads.GetValueOrDefault(dryRun);

    /// <summary>The file of a dry run, which is then the caller's; null if it is gone.</summary>
    public KeptUpload? Take(long dryRun) => uploads.TryRemove(dryRun, out var upload) ? upload : null;

    /// <summary>Remembers how many records an import will read, because its file has been read before.</summary>
    public void Expect(long import, long records)
    {
        expected[import] = records;
        foreach (var old in expected.Keys.OrderDescending().Skip(MaxFiles))
        {
            expected.TryRemove(old, out _);
        }
    }

    public long? ExpectedOf(long import) => expected.TryGetValue(import, out var records) ? records : null;

    public void Dispose()
    {
        foreach (var id in uploads.Keys)
        {
            Take(id)?.Dispose();
        }
    }
}

/// <summary>A file that was received whole.</summary>
internal sealed record KeptUpload(string Name, FileStream Copy, Packing Packing, ImportOptions Options) : IDisposable
{
    public ITimer? Ends { get; set; }

    public void Dispose()
    {
        Ends?.Dispose();
        Copy.Dispose();
    }
}
