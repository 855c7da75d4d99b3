namespace Exact.Tests.Transfer;

/// <summary>A file that comes in pieces of at most so many bytes.</summary>
internal sealed class PieceStream(byte[] content, int piece) : MemoryStream(content)
{
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        base.ReadAsync(buffer[..Math.Min(piece, buffer.Length)], cancellationToken);
}
