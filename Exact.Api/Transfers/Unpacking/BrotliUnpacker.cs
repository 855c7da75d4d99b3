using System.Buffers;
using System.IO.Compression;
using Exact.Infrastructure.Transfer.Reading;

namespace Exact.Api.Transfers.Unpacking;

/// <summary>Unpacks a complete brotli file, and refuses any other. The framework's stream ignores what follows the end.</summary>
/// <param name="packed">The file. It is left open.</param>
internal sealed class BrotliUnpacker(Stream packed) : ForwardStream
{
    private readonly MeteredStream packed = new(packed);
    private readonly byte[] input = new byte[64 * 1024];
    private BrotliDecoder decoder;
    private int start;
    private int end;
    private bool isDone;

    /// <exception cref="UnreadableFileException">The file is not complete.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty)
        {
            return 0;
        }

        while (!isDone)
        {
            var status = decoder.Decompress(input.AsSpan(start..end), buffer.Span, out var taken, out var read);
            start += taken;
            Count += read;
            isDone = status is OperationStatus.Done;
            if (status is OperationStatus.InvalidData)
            {
                throw Count == 0
                    ? UnreadableFileException.OfAnotherFormat("brotli")
                    : UnreadableFileException.Damaged("brotli", packed.Count);
            }

            if (read > 0)
            {
                return read;
            }

            if (!isDone && !await FillAsync(cancellationToken))
            {
                return packed.Count == 0 ? 0 : throw UnreadableFileException.CutOff("brotli", packed.Count);
            }
        }

        return start == end && !await FillAsync(cancellationToken)
            ? 0
            : throw UnreadableFileException.Followed("brotli");
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            decoder.Dispose();
        }

        base.Dispose(disposing);
    }

    private async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        start = 0;
        end = await packed.ReadAsync(input, cancellationToken);
        return end > 0;
    }
}
