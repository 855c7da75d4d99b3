using System.Text;
using Exact.Api.Transfers.Unpacking;
using Exact.Infrastructure.Transfer.Reading;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Exact.Api.Transfers;

/// <summary>Reads the bytes of an upload as they arrive, and reports a broken request as the sender's fault.</summary>
/// <param name="content">The body of the request, or the file of its form.</param>
/// <param name="form">The form that holds the file; null if the body is the file.</param>
internal sealed class UploadStream(Stream content, MultipartReader? form) : ForwardStream
{
    private bool isComplete;

    /// <summary>The encoding that the sender names; null if it is UTF-8, or none is named.</summary>
    public Encoding? Encoding { get; init; }

    /// <inheritdoc/>
    /// <exception cref="BadHttpRequestException">The request is broken (400) or too slow (408).</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            var read = await content.ReadAsync(buffer, cancellationToken);
            Count += read;
            if (read == 0 && !buffer.IsEmpty && !isComplete)
            {
                await CompleteAsync(cancellationToken);
            }

            return read;
        }
        catch (Exception e) when (IsBroken(e))
        {
            throw Broken(e);
        }
    }

    /// <summary>The next part of a form that is a file; null if there is none.</summary>
    /// <exception cref="BadHttpRequestException">The form is broken.</exception>
    public static async Task<MultipartSection?> FindFileAsync(MultipartReader form, CancellationToken cancellationToken)
    {
        try
        {
            while (await form.ReadNextSectionAsync(cancellationToken) is { } section)
            {
                if (section.GetContentDispositionHeader()?.IsFileDisposition() is true)
                {
                    return section;
                }
            }

            return null;
        }
        catch (Exception e) when (IsBroken(e))
        {
            throw Broken(e);
        }
    }

    /// <summary>Refuses a second file, which would be lost without a word.</summary>
    private async Task CompleteAsync(CancellationToken cancellationToken)
    {
        if (form is not null && await FindFileAsync(form, cancellationToken) is not null)
        {
            throw new BadHttpRequestException(
                "The form has more than one file. Nothing was changed. Send each file in a request of its own."
            );
        }

        isComplete = true;
    }

    private static bool IsBroken(Exception exception) =>
        exception is InvalidDataException or InvalidOperationException or IOException
        && exception is not (BadHttpRequestException or FileTooLargeException);

    /// <summary>The library's own message may quote the file, so it is not repeated.</summary>
    private static BadHttpRequestException Broken(Exception cause) =>
        new(
            "The upload was cut off, or its form is broken. Nothing was changed. Send the whole file again.",
            StatusCodes.Status400BadRequest,
            cause
        );
}
