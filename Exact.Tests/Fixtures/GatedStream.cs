namespace Exact.Tests.Fixtures;

/// <summary>A body whose sender stops, having sent some of it, until a gate opens.</summary>
internal sealed class GatedStream(byte[] content, Task gate, int openAfter = 0) : MemoryStream(content)
{
    private readonly TaskCompletionSource reading = new();

    /// <summary>Completes when the reader waits for the gate.</summary>
    public Task Reading => reading.Task;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (Position >= openAfter)
        {
            reading.TrySetResult();
            await gate;
        }

        return await base.ReadAsync(buffer, cancellationToken);
    }
}
