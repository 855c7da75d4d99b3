namespace Exact.Infrastructure.Transfer.Archive;

/// <summary>Gives a stream the length that an entry of a tar archive must have before its content.</summary>
/// <param name="content">The content. It is left open.</param>
/// <param name="name">What it is, for the error message.</param>
/// <param name="length">Its length in bytes.</param>
internal sealed class SizedStream(Stream content, string name, long length) : Stream
{
    private long position;

    public override bool CanRead => true;

    /// <summary>Tells <see cref="System.Formats.Tar.TarWriter"/> that <see cref="Length"/> is known; it does not seek.</summary>
    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position
    {
        get => position;
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">The content is shorter than it was said to be.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (position == length || buffer.IsEmpty)
        {
            return 0;
        }

        var read = await content.ReadAsync(
            buffer[..(int)Math.Min(buffer.Length, length - position)],
            cancellationToken
        );
        position += read;
        return read > 0
            ? read
            : throw new IOException($"{name} ended after {position} of {length} bytes. Make the backup again.");
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() { }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
