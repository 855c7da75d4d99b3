using System.Buffers;
using System.IO.Pipelines;
using Exact.Api.Transfers.Unpacking;
using Exact.Infrastructure.Transfer.Reading;

namespace Exact.Api.Transfers;

/// <summary>How many bytes must arrive in each window of waiting for them.</summary>
internal sealed record Pace(long Bytes, TimeSpan Window, string Remedy)
{
    /// <summary>An upload that is imported while it arrives holds the import lock, so it must not be slow.</summary>
    public static readonly Pace Direct = new(
        30 * 64 * 1024,
        TimeSpan.FromSeconds(30),
        "Send it again with the header \"Prefer: respond-async\", which allows a slower connection."
    );

    /// <summary>An upload that is imported later holds nothing but its file.</summary>
    public static readonly Pace Background = new(
        64 * 1024,
        TimeSpan.FromMinutes(5),
        "Send it again over a faster connection."
    );

    public override string ToString() => $"{Bytes / 1024} KiB in {Window.TotalSeconds:0} seconds";
}

/// <summary>
/// Reads the body of an upload, and gives up a sender that is slower than its pace, over any version of HTTP.
/// </summary>
/// <remarks>
/// Kestrel has no such limit for a single HTTP/2 request. The pipe is told to stop waiting instead of cancelling a
/// token: after that, Kestrel could not read the rest of the body, and would reset the connection before the client has
/// read the answer.
/// </remarks>
internal sealed class PacedBody(PipeReader body, Pace pace, long maxBytes, TimeProvider time) : ForwardStream
{
    private TimeSpan waited;
    private long received;

    /// <summary>Waits until the first bytes are there, or the end.</summary>
    /// <exception cref="BadHttpRequestException">The sender is too slow.</exception>
    public async ValueTask BeginAsync(CancellationToken cancellationToken)
    {
        var beginning = await NextAsync(cancellationToken);
        body.AdvanceTo(beginning.Buffer.Start);
    }

    /// <inheritdoc/>
    /// <exception cref="BadHttpRequestException">The sender is too slow.</exception>
    /// <exception cref="FileTooLargeException">The body is too large.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty)
        {
            return 0;
        }

        var here = (await NextAsync(cancellationToken)).Buffer;
        here = here.Slice(0, Math.Min(here.Length, buffer.Length));
        here.CopyTo(buffer.Span);
        var read = (int)here.Length; // before the pipe takes the memory back
        body.AdvanceTo(here.End);
        received += read;
        Count += read;
        return Count <= maxBytes ? read : throw FileTooLargeException.Above(maxBytes);
    }

    private async ValueTask<ReadResult> NextAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var result = body.TryRead(out var here) ? here : await WaitAsync(cancellationToken);
            if (!result.Buffer.IsEmpty || result.IsCompleted)
            {
                return result;
            }

            body.AdvanceTo(result.Buffer.Start); // told to stop waiting
            RefuseTooSlow();
        }
    }

    private async ValueTask<ReadResult> WaitAsync(CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        await using var impatience = time.CreateTimer(
            _ => body.CancelPendingRead(),
            state: null,
            pace.Window - waited,
            Timeout.InfiniteTimeSpan
        );
        await using var cancellation = cancellationToken.UnsafeRegister(_ => body.CancelPendingRead(), state: null);
        var result = await body.ReadAsync(CancellationToken.None);
        waited += time.GetElapsedTime(began);
        return result;
    }

    private void RefuseTooSlow()
    {
        if (waited < pace.Window)
        {
            return;
        }

        if (received < pace.Bytes)
        {
            throw new BadHttpRequestException(
                $"The upload is too slow: fewer than {pace}. Nothing was changed. {pace.Remedy}",
                StatusCodes.Status408RequestTimeout
            );
        }

        (waited, received) = (TimeSpan.Zero, 0);
    }
}
