using System.IO.Compression;
using Exact.Infrastructure.Transfer.Reading;

namespace Exact.Api.Transfers.Unpacking;

/// <summary>Unpacks a complete gzip file of one or more members, and refuses any other.</summary>
/// <remarks>
/// The framework checks the checksums and, because the project sets <c>System.IO.Compression.UseStrictValidation</c>,
/// the end of the data. It does not check that nothing follows.
/// </remarks>
/// <param name="packed">The file. It is left open.</param>
internal sealed class GzipUnpacker(Stream packed) : ForwardStream
{
    private readonly MeteredStream packed = new(packed);
    private GZipStream? unpacking;

    /// <exception cref="UnreadableFileException">The file is not complete.</exception>
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
            throw packed.HasEnded ? UnreadableFileException.CutOff("gzip", packed.Count, e)
            : packed.First != 0x1F ? UnreadableFileException.OfAnotherFormat("gzip", e)
            : UnreadableFileException.Damaged("gzip", packed.Count, e);
        }

        if (read == 0 && !buffer.IsEmpty && !packed.HasEnded)
        {
            throw UnreadableFileException.Followed("gzip"); // at the true end, it would have looked for another member
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
