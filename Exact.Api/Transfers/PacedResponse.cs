namespace Exact.Api.Transfers;

/// <summary>Writes a response, and gives up a client that stops reading it.</summary>
/// <param name="body">The body of the response. It is left open.</param>
/// <param name="patience">How long the client may take to make room for one write.</param>
/// <param name="time">The clock.</param>
internal sealed class PacedResponse(Stream body, TimeSpan patience, TimeProvider time) : Stream
{
    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    /// <exception cref="ClientStalledException">The client stopped reading.</exception>
    public override async ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer,
        CancellationToken cancellationToken = default
    )
    {
        using var impatience = new CancellationTokenSource(patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, impatience.Token);
        try
        {
            await body.WriteAsync(buffer, either.Token);
        }
        catch (OperationCanceledException) when (impatience.IsCancellationRequested)
        {
            // Over HTTP/2 a write that is given up also cancels the request.
            throw new ClientStalledException(patience);
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => body.FlushAsync(cancellationToken);

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() { }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}

/// <summary>The client does not read its response any more.</summary>
internal sealed class ClientStalledException(TimeSpan waited)
    : IOException($"The client stopped reading for {waited.TotalSeconds:0} seconds.");
