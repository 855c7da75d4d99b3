using Exact.Infrastructure.Transfer.Reading;

namespace Exact.Api.Transfers.Unpacking;

/// <summary>Counts what is read from a stream that it leaves open, and notes its end.</summary>
internal sealed class MeteredStream(Stream source) : ForwardStream
{
    /// <summary>The first byte of the source; null before it is read.</summary>
    public byte? First { get; private set; }

    /// <summary>The source was read to its end.</summary>
    public bool HasEnded { get; private set; }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await source.ReadAsync(buffer, cancellationToken);
        First ??= read > 0 ? buffer.Span[0] : null;
        Count += read;
        HasEnded |= read == 0 && !buffer.IsEmpty;
        return read;
    }
}
