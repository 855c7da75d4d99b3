using System.IO.Pipelines;
using Exact.Infrastructure.Transfer.Reading;

namespace Exact.Api.Transfers.Unpacking;

/// <summary>Unpacks a fixture while it is read, and enforces its size limits. Holds only a small buffer.</summary>
/// <param name="source">The file, packed or not. It is left open.</param>
/// <param name="packing">How the file is said to be packed.</param>
/// <param name="maxBytes">How many bytes the unpacked fixture may have.</param>
internal sealed class FixtureStream(Stream source, Packing packing, long maxBytes) : ForwardStream
{
    /// <summary>A million scores as JSON pack to an eighth of their size; only a decompression bomb packs to a 200th.</summary>
    private const long MaxRatio = 200;

    /// <summary>Small files may have any ratio.</summary>
    private const long FreeOfRatio = 16 * 1024 * 1024;

    private const int BufferSize = 64 * 1024;

    private readonly MeteredStream packed = new(source);
    private PipeReader? pipe;
    private Stream? unpacking;
    private Stream? fixture;

    public override bool IsUnpacked => unpacking is not MeteredStream || fixture is GzipUnpacker;

    /// <inheritdoc/>
    /// <exception cref="UnreadableFileException">The file cannot be unpacked.</exception>
    /// <exception cref="FileTooLargeException">The fixture is too large.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        fixture ??= await OpenAsync(cancellationToken);
        var read = await fixture.ReadAsync(buffer, cancellationToken);
        Count += read;
        RefuseTooLarge();
        return read;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            fixture?.Dispose();
            pipe?.Complete();
            unpacking?.Dispose();
        }

        base.Dispose(disposing);
    }

    private async Task<Stream> OpenAsync(CancellationToken cancellationToken)
    {
        unpacking ??= packing switch
        {
            Packing.Gzip => new GzipUnpacker(packed),
            Packing.Brotli => new BrotliUnpacker(packed),
            _ => packed,
        };
        pipe ??= PipeReader.Create(unpacking, new(bufferSize: BufferSize, leaveOpen: true));
        var beginning = (await pipe.ReadAtLeastAsync(2, cancellationToken)).Buffer;
        var isGzip = IsGzip(beginning.FirstSpan);
        pipe.AdvanceTo(beginning.Start);
        var plain = pipe.AsStream(leaveOpen: true);
        return isGzip ? new GzipUnpacker(plain) : plain;
    }

    /// <summary>No JSON begins like this. A single byte is what is left of a file that was cut off.</summary>
    private static bool IsGzip(ReadOnlySpan<byte> beginning) => beginning is [0x1F] or [0x1F, 0x8B, ..];

    private void RefuseTooLarge()
    {
        if (Count > maxBytes)
        {
            throw FileTooLargeException.Above(maxBytes);
        }

        if (Count > FreeOfRatio && Count / MaxRatio > packed.Count)
        {
            throw new FileTooLargeException(
                $"The file unpacks to more than {MaxRatio} times its size, as no fixture does. Send it unpacked."
            );
        }
    }
}
