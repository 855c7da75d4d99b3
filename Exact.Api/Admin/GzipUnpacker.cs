using System.IO.Compression;
using Exact.Infrastructure.Transfer.Reading;

namespace Exact.Api.Admin;

/// <summary>
/// A gzip file, of one member or of several, unpacked if it is whole. The framework checks its checksums and, because
/// <c>System.IO.Compression.UseStrictValidation</c> is set for the project, its end; but not that nothing else follows.
/// </summary>
/// <param name="packed">The file. It is left open.</param>
internal sealed class GzipUnpacker(Stream packed) : ForwardStream
{
    private readonly MeteredStream packed = new(packed);
    private GZipStream? unpacking;

    /// <exception cref="BadHttpRequestException">It is not whole.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        unpacking ??= new GZipStream(packed, CompressionMode.Decompress, leaveOpen: true);
        int read;
        try
        {
            read = await unpacking.ReadAsync(buffer, cancellationToken);
        }
        catch (InvalidDataException) when (packed is { HasEnded: true, Count: 0 })
        {
            return 0; // an empty file
        }
        catch (InvalidDataException e)
        {
            throw packed.HasEnded ? Packing.CutOff("gzip", packed.Count, e)
            : packed.First != 0x1F ? Packing.OfAnotherKind("gzip", e)
            : Packing.Damaged("gzip", packed.Count, e);
        }

        if (read == 0 && !buffer.IsEmpty && !packed.HasEnded)
        {
            throw Packing.Followed("gzip"); // had nothing followed, the next member would have been looked for
        }

        Count += read;
        return read;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            unpacking?.Dispose();
        }

        base.Dispose(disposing);
    }
}
