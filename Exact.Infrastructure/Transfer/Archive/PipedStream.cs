using System.IO.Pipelines;

namespace Exact.Infrastructure.Transfer.Archive;

/// <summary>Connects what writes to a stream with what reads from one. Only a small buffer is between them.</summary>
internal static class PipedStream
{
    /// <summary>Runs both at once, and ends both when one fails.</summary>
    /// <returns>What the reader returns.</returns>
    public static async Task<T> ConnectAsync<T>(
        Func<Stream, CancellationToken, Task> write,
        Func<Stream, CancellationToken, Task<T>> read,
        CancellationToken cancellationToken
    )
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 1 << 20, resumeWriterThreshold: 1 << 19));
        var writing = WriteAsync(pipe.Writer, write, ending.Token);
        T result;
        try
        {
            result = await read(pipe.Reader.AsStream(leaveOpen: true), ending.Token);
        }
        catch
        {
            await ending.CancelAsync();
            await pipe.Reader.CompleteAsync();
            await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw; // if the writer failed first, the reader has its exception
        }

        await pipe.Reader.CompleteAsync();
        await writing;
        return result;
    }

    private static async Task WriteAsync(
        PipeWriter writer,
        Func<Stream, CancellationToken, Task> write,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await write(writer.AsStream(leaveOpen: true), cancellationToken);
            await writer.CompleteAsync();
        }
        catch (Exception e)
        {
            await writer.CompleteAsync(e);
            throw;
        }
    }
}
