using Exact.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace Exact.Tests.Transfer;

/// <summary>
/// A body whose sender stops, having sent some of it, until a gate opens; with a clock, each of its parts is a second
/// late.
/// </summary>
internal sealed class GatedStream(byte[] content, Task gate, int openAfter = 0, FakeTimeProvider? time = null)
    : MemoryStream(content)
{
    private readonly TaskCompletionSource reading = new();

    /// <summary>Completes when the reader waits for the gate.</summary>
    public Task Reading => reading.Task.WaitAsync(Wait.Limit);

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        time?.Advance(TimeSpan.FromSeconds(1));
        if (Position >= openAfter)
        {
            reading.TrySetResult();
            await gate.WaitAsync(cancellationToken);
        }

        return await base.ReadAsync(buffer, cancellationToken);
    }
}
