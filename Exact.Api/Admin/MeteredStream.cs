using Exact.Infrastructure;

namespace Exact.Api.Admin;

/// <summary>Counts what is read from a stream that it leaves open, and notes its end.</summary>
internal sealed class MeteredStream(Stream source) : ForwardStream
{
    /// <summary>The source was read to its end.</summary>
    public bool HasEnded { get; private set; }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await source.ReadAsync(buffer, cancellationToken);
        Count += read;
        HasEnded |= read == 0 && !buffer.IsEmpty;
        return read;
    }
}
