using System.Buffers;

namespace Exact.Infrastructure.Transfer.Wire;

/// <summary>A table, or columns of it, and the rows that have not been sent to it yet.</summary>
/// <param name="name">The table as COPY takes it, such as <c>scores (id, username)</c>.</param>
internal sealed class CopyTarget(string name)
{
    private const int Size = 256 * 1024;

    public string Name => name;

    public ArrayBufferWriter<byte> Buffer { get; } = new(Size + (Size / 4));

    /// <summary>There is enough to be worth sending.</summary>
    public bool IsFull => Buffer.WrittenCount >= Size;
}
