using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>A file from its first byte on: tells what it is and how it is encoded, and reads it as UTF-8.</summary>
/// <param name="source">The file, unpacked. It is left open.</param>
/// <param name="declared">The encoding that the sender names; a byte order mark counts more.</param>
internal sealed class FixtureSource(Stream source, Encoding? declared) : IAsyncDisposable
{
    private const int BufferSize = 128 * 1024;

    private readonly PipeReader pipe = PipeReader.Create(
        source,
        new StreamPipeReaderOptions(bufferSize: BufferSize, leaveOpen: true)
    );
    private Stream? text;

    /// <summary>How the file is encoded; null if it is UTF-8.</summary>
    public Encoding? Encoding { get; private set; }

    /// <summary>The length of its byte order mark.</summary>
    public int Mark { get; private set; }

    public ValueTask DisposeAsync() => pipe.CompleteAsync();

    /// <exception cref="NotTextException">The file is of another kind, or not of its encoding.</exception>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        text ??= await OpenAsync(cancellationToken);
        return await text.ReadAsync(buffer, cancellationToken);
    }

    private async ValueTask<Stream> OpenAsync(CancellationToken cancellationToken)
    {
        var beginning = await PeekAsync(4, cancellationToken);
        if (beginning is not [(byte)'[' or (byte)'{' or (byte)' ' or (byte)'\n' or (byte)'\r', ..])
        {
            beginning = await PeekAsync(OtherFormats.Enough, cancellationToken);
            if (OtherFormats.NameOf(beginning) is { } other)
            {
                throw new NotTextException(other);
            }
        }

        var isTold = FileEncoding.TryTell(beginning, out var told, out var mark);
        Encoding = isTold ? told : declared;
        Mark = mark;
        pipe.AdvanceTo((await pipe.ReadAtLeastAsync(mark, cancellationToken)).Buffer.GetPosition(mark));
        var bytes = pipe.AsStream(leaveOpen: true);
        return Encoding is null ? bytes : new TranscodingStream(bytes, Encoding, isDeclared: !isTold);
    }

    /// <summary>The first bytes of the file, which stay to be read.</summary>
    private async ValueTask<byte[]> PeekAsync(int length, CancellationToken cancellationToken)
    {
        var beginning = (await pipe.ReadAtLeastAsync(length, cancellationToken)).Buffer;
        var bytes = beginning.Slice(0, Math.Min(beginning.Length, length)).ToArray();
        pipe.AdvanceTo(beginning.Start);
        return bytes;
    }
}
