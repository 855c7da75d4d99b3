using System.IO.Pipelines;
using Exact.Infrastructure.Transfer.Reading;

namespace Exact.Api.Admin;

/// <summary>
/// An upload while it is read: unpacked, also where a gzip file was sent without saying so; within its limits; and what is broken about it is the
/// sender's fault, not that of the service. It keeps nothing but a small buffer.
/// </summary>
/// <param name="content">The bytes as they came. It is left open.</param>
/// <param name="unpack">What undoes the coding that the sender named.</param>
/// <param name="maxBytes">How many bytes the unpacked fixture may have.</param>
/// <param name="complete">Has the last word at the end of the content.</param>
internal sealed class UploadStream(
    Stream content,
    Func<Stream, Stream> unpack,
    long maxBytes,
    Func<CancellationToken, Task> complete
) : ForwardStream
{
    /// <summary>JSON of a million scores packs to an eighth of its size; only what was made to, packs to a 200th.</summary>
    private const long MaxRatio = 200;

    /// <summary>A small file may be as regular as it likes.</summary>
    private const long FreeOfRatio = 16 * 1024 * 1024;

    private const int BufferSize = 64 * 1024;

    private readonly MeteredStream sent = new(content);
    private PipeReader? pipe;
    private Stream? unpacking;
    private Stream? fixture;

    /// <summary>Whether an exception says that what is read is broken.</summary>
    public static bool IsBroken(Exception exception) =>
        exception is InvalidDataException or InvalidOperationException or IOException
        && exception is not BadHttpRequestException;

    /// <summary>What a broken upload is for the sender. What the library says of it may quote the file, and stays here.</summary>
    public static BadHttpRequestException Broken(Exception cause) =>
        new(
            "The upload is cut off, or its form is broken: it could not be read to its end. Nothing was changed; send it again.",
            StatusCodes.Status400BadRequest,
            cause
        );

    /// <summary>The answer to a fixture that has more bytes, packed or unpacked.</summary>
    public static BadHttpRequestException AboveLimit(long maxBytes) =>
        TooLarge($"A fixture may have {maxBytes} bytes, and this one has more (see Transfers:MaxBytes).");

    /// <inheritdoc/>
    /// <exception cref="BadHttpRequestException">It is broken (400), too slow (408), or too large (413).</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read;
        try
        {
            fixture ??= await OpenAsync(cancellationToken);
            read = await fixture.ReadAsync(buffer, cancellationToken);
            if (read == 0)
            {
                await complete(cancellationToken);
            }
        }
        catch (Exception e) when (IsBroken(e))
        {
            throw Broken(e);
        }
        catch (BadHttpRequestException e) when (e.StatusCode is StatusCodes.Status408RequestTimeout)
        {
            const string TooSlow =
                "The upload is too slow to be imported while it comes. Send it with the header \"Prefer: respond-async\".";
            throw new BadHttpRequestException(TooSlow, e.StatusCode, e);
        }

        Count += read;
        RefuseTooLarge();
        return read;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            fixture?.Dispose();
            pipe?.Complete();
            unpacking?.Dispose();
        }

        base.Dispose(disposing);
    }

    private async Task<Stream> OpenAsync(CancellationToken cancellationToken)
    {
        unpacking ??= unpack(sent);
        pipe ??= PipeReader.Create(unpacking, new(bufferSize: BufferSize, leaveOpen: true));
        var beginning = (await pipe.ReadAtLeastAsync(2, cancellationToken)).Buffer;
        var isGzip = IsGzip(beginning.FirstSpan);
        pipe.AdvanceTo(beginning.Start);
        var plain = pipe.AsStream(leaveOpen: true);
        return isGzip ? new GzipUnpacker(plain) : plain;
    }

    /// <summary>No JSON begins so. A single byte is what is left of a file that was cut off.</summary>
    private static bool IsGzip(ReadOnlySpan<byte> beginning) => beginning is [0x1F] or [0x1F, 0x8B, ..];

    private void RefuseTooLarge()
    {
        if (Count > maxBytes)
        {
            throw AboveLimit(maxBytes);
        }

        if (Count > FreeOfRatio && Count / MaxRatio > sent.Count)
        {
            throw TooLarge($"A fixture may unpack to {MaxRatio} times what was sent, and this one becomes more.");
        }
    }

    private static BadHttpRequestException TooLarge(string message) =>
        new(message, StatusCodes.Status413PayloadTooLarge);
}
