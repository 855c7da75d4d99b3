namespace Exact.Api.Commands;

/// <summary>Passes on what is read or written, and counts it.</summary>
internal sealed class CountedStream(Stream inner) : Stream
{
    private long bytes;
    private long lines;

    /// <summary>How many bytes have passed.</summary>
    public long Bytes => Interlocked.Read(ref bytes);

    /// <summary>How many lines have been written: an export writes a record on each.</summary>
    public long Lines => Interlocked.Read(ref lines);

    /// <summary>Whether everything has been read.</summary>
    public bool IsAtEnd { get; private set; }

    public override bool CanRead => inner.CanRead;

    public override bool CanWrite => inner.CanWrite;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => Bytes;
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => Passed(inner.Read(buffer, offset, count));

    public override async ValueTask<int> ReadAsync(
        Memory<byte> buffer,
        CancellationToken cancellationToken = default
    ) => Passed(await inner.ReadAsync(buffer, cancellationToken));

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(byte[] buffer, int offset, int count)
    {
        inner.Write(buffer, offset, count);
        Passed(buffer.AsSpan(offset, count));
    }

    public override async ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer,
        CancellationToken cancellationToken = default
    )
    {
        await inner.WriteAsync(buffer, cancellationToken);
        Passed(buffer.Span);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush() => inner.Flush();

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private int Passed(int read)
    {
        Interlocked.Add(ref bytes, read);
        IsAtEnd |= read == 0;
        return read;
    }

    private void Passed(ReadOnlySpan<byte> written)
    {
        Interlocked.Add(ref bytes, written.Length);
        Interlocked.Add(ref lines, written.Count((byte)'\n'));
    }
}
