using Exact.Infrastructure.Transfer.Reading;

namespace Exact.Infrastructure.Transfer.Archive;

/// <summary>Looks at the beginning of a file, which stays to be read.</summary>
/// <param name="source">The file. It is left open.</param>
internal sealed class PeekedStream(Stream source) : ForwardStream
{
    /// <summary>The length of the first header of a tar archive.</summary>
    public const int HeaderLength = 512;

    private ReadOnlyMemory<byte> beginning;

    public override bool IsUnpacked => source is ForwardStream { IsUnpacked: true };

    /// <summary>The first bytes; only one piece if that cannot be an archive, because JSON may come slowly.</summary>
    public async Task<ReadOnlyMemory<byte>> PeekAsync(CancellationToken cancellationToken)
    {
        var header = new byte[HeaderLength];
        var read = await source.ReadAsync(header, cancellationToken);
        if (read > 0 && header[0] is (byte)'b' or (byte)'.')
        {
            read += await source.ReadAtLeastAsync(
                header.AsMemory(read),
                HeaderLength - read,
                throwOnEndOfStream: false,
                cancellationToken
            );
        }

        return beginning = header.AsMemory(0, read);
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read;
        if (beginning.IsEmpty)
        {
            read = await source.ReadAsync(buffer, cancellationToken);
        }
        else
        {
            read = Math.Min(buffer.Length, beginning.Length);
            beginning[..read].CopyTo(buffer);
            beginning = beginning[read..];
        }

        Count += read;
        return read;
    }
}
