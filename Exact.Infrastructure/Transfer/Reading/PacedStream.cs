namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>A file as it comes: says whether it comes as fast as it is read, and gives up waiting for more of it.</summary>
/// <param name="source">The file. It is left open.</param>
/// <param name="time">The clock.</param>
internal sealed class PacedStream(Stream source, TimeProvider time) : ForwardStream
{
    private readonly long began = time.GetTimestamp();
    private long waited;

    /// <summary>Most of the time so far went into reading, and not into waiting for what there is to read.</summary>
    public bool KeepsPace => waited <= (time.GetTimestamp() - began) / 2;

    public override bool IsUnpacked => source is ForwardStream { IsUnpacked: true };

    /// <summary>How long to wait for more of the file; null for as long as it takes.</summary>
    public TimeSpan? Patience { get; set; }

    /// <exception cref="SourceStalledException">The file did not go on for as long as <see cref="Patience"/> says.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var asked = time.GetTimestamp();
        var read = Patience is { } patience
            ? await ReadWithinAsync(patience, buffer, cancellationToken)
            : await source.ReadAsync(buffer, cancellationToken);
        waited += time.GetTimestamp() - asked;
        Count += read;
        return read;
    }

    private async ValueTask<int> ReadWithinAsync(
        TimeSpan patience,
        Memory<byte> buffer,
        CancellationToken cancellationToken
    )
    {
        using var impatience = new CancellationTokenSource(patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, impatience.Token);
        try
        {
            return await source.ReadAsync(buffer, either.Token);
        }
        catch (OperationCanceledException)
            when (impatience.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new SourceStalledException(patience);
        }
    }
}

/// <summary>The file did not go on.</summary>
internal sealed class SourceStalledException(TimeSpan waited)
    : IOException($"The file stopped coming for {waited.TotalSeconds:0.#} seconds.");
