using Npgsql;

namespace Exact.Infrastructure.Transfer.Wire;

/// <summary>
/// Sends rows over a connection, one COPY after another. A connection does one COPY at a time, so a COPY ends when another target
/// has its turn, and before any other statement.
/// </summary>
internal sealed class CopyChannel(NpgsqlConnection connection) : IAsyncDisposable
{
    private static readonly byte[] Header = [.. "PGCOPY\n"u8, 0xFF, .. "\r\n\0"u8, 0, 0, 0, 0, 0, 0, 0, 0];
    private static readonly byte[] Trailer = [0xFF, 0xFF];

    private CopyTarget? current;
    private NpgsqlRawCopyStream? copy;

    /// <summary>Sends the rows of a target if they are enough to be worth it.</summary>
    public ValueTask SendIfFullAsync(CopyTarget target, CancellationToken cancellationToken) =>
        target.IsFull ? SendAsync(target, cancellationToken) : ValueTask.CompletedTask;

    /// <summary>Sends the rows of a target.</summary>
    public async ValueTask SendAsync(CopyTarget target, CancellationToken cancellationToken)
    {
        if (target.Buffer.WrittenCount == 0)
        {
            return;
        }

        if (!ReferenceEquals(current, target))
        {
            await EndAsync(cancellationToken);
            current = target;
            copy = await connection.BeginRawBinaryCopyAsync(
                $"COPY {target.Name} FROM STDIN (FORMAT binary)",
                cancellationToken
            );
            await copy.WriteAsync(Header, cancellationToken);
        }

        await copy!.WriteAsync(target.Buffer.WrittenMemory, cancellationToken);
        target.Buffer.ResetWrittenCount();
    }

    /// <summary>Ends the COPY that is running, and leaves the connection free for other statements.</summary>
    public async Task EndAsync(CancellationToken cancellationToken)
    {
        if (copy is null)
        {
            return;
        }

        await copy.WriteAsync(Trailer, cancellationToken);
        var ending = copy;
        copy = null;
        current = null;
        await ending.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (copy is not null)
        {
            await CancelAsync(copy); // left open, the COPY would count as complete
            copy = null;
        }
    }

    /// <summary>
    /// Gives up a COPY after a failure, which it must not hide by one of its own if the connection is lost.
    /// </summary>
    public static async ValueTask CancelAsync(NpgsqlRawCopyStream copy)
    {
        try
        {
            await copy.CancelAsync();
            await copy.DisposeAsync();
        }
        catch (Exception e) when (e is NpgsqlException or ObjectDisposedException)
        {
            // the COPY has ended with its connection
        }
    }
}
