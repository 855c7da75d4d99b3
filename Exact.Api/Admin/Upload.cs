using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Exact.Api.Admin;

/// <summary>
/// A fixture as it is sent: the body itself, or the file of a form (never buffered, as <c>IFormFile</c> would be), and how it is packed.
/// </summary>
internal sealed class Upload
{
    private const string Form = "multipart/form-data";

    /// <summary>What browsers write is under 70, and so is what RFC 2046 allows.</summary>
    private const int MaxBoundary = 128;

    private const int CopyBuffer = 128 * 1024;

    private readonly string coding;
    private readonly MultipartReader? form;

    private Upload(Stream content, string coding, MultipartReader? form)
    {
        Content = content;
        this.coding = coding;
        this.form = form;
    }

    /// <summary>The types of a body that are taken. One without a type is, too: many a client sends files so.</summary>
    public static IReadOnlyList<string> Types { get; } =
    [
        "application/json",
        "application/x-ndjson",
        "application/jsonl",
        "application/gzip",
        "application/x-gzip",
        "application/octet-stream",
        Form,
    ];

    private static readonly string[] Codings = ["gzip", "br"];

    /// <summary>The bytes as they come, still packed.</summary>
    private Stream Content { get; }

    /// <summary>The answer to a body that is of another type, or packed in another way; null if it may be read.</summary>
    public static ProblemHttpResult? Refuse(HttpContext context)
    {
        var type = MediaTypeOf(context.Request);
        if (type is not "" && !Types.Contains(type, StringComparer.OrdinalIgnoreCase))
        {
            context.Response.Headers.Append("Accept-Post", string.Join(", ", Types));
            return Unsupported($"A fixture does not come as {type}.", Types);
        }

        var coding = CodingOf(context.Request);
        if (coding is not "identity" && !Codings.Contains(coding))
        {
            context.Response.Headers.AcceptEncoding = string.Join(", ", Codings); // RFC 9110, section 12.5.3
            return Unsupported($"\"{coding}\" cannot be unpacked.", Codings);
        }

        return null;
    }

    /// <summary>Finds the fixture in the request.</summary>
    /// <exception cref="BadHttpRequestException">The form is broken, or has no file.</exception>
    public static async Task<Upload> OpenAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var coding = CodingOf(request);
        if (!Form.Equals(MediaTypeOf(request), StringComparison.OrdinalIgnoreCase))
        {
            return new Upload(request.Body, coding, form: null);
        }

        var boundary = HeaderUtilities.RemoveQuotes(MediaTypeHeaderValue.Parse(request.ContentType).Boundary);
        if (boundary.Length is 0 or > MaxBoundary)
        {
            throw new BadHttpRequestException("A form needs a boundary of at most 128 characters.");
        }

        if (coding is not "identity")
        {
            throw new BadHttpRequestException("Pack the file, not the form: a packed file is recognised by itself.");
        }

        var form = new MultipartReader(boundary.ToString(), request.Body);
        var file =
            await NextFileAsync(form, cancellationToken)
            ?? throw new BadHttpRequestException("The form has no part that is a file.");
        return new Upload(file, coding, form);
    }

    /// <summary>The fixture itself, as it comes.</summary>
    public UploadStream Unpack(long maxBytes) => new(Content, Unpack, maxBytes, CompleteAsync);

    /// <summary>The fixture itself, from a copy of <see cref="Content"/>.</summary>
    public UploadStream Unpack(Stream copy, long maxBytes) => new(copy, Unpack, maxBytes, _ => Task.CompletedTask);

    /// <summary>Copies <see cref="Content"/> as it is.</summary>
    /// <param name="copied">Told how many bytes there are so far.</param>
    /// <exception cref="BadHttpRequestException">It is broken (400), or too large (413).</exception>
    public async Task CopyToAsync(Stream copy, long maxBytes, Action<long> copied, CancellationToken cancellationToken)
    {
        var buffer = new byte[CopyBuffer];
        var length = 0L;
        while (await ReadAsync(buffer, cancellationToken) is var read and > 0)
        {
            length += read;
            if (length > maxBytes)
            {
                throw UploadStream.AboveLimit(maxBytes);
            }

            await copy.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            copied(length);
        }

        await CompleteAsync(cancellationToken);
    }

    /// <summary>Called at the end of the content: a second file that nobody reads would be lost without a word.</summary>
    /// <exception cref="BadHttpRequestException">There is another file, or the form does not end.</exception>
    private async Task CompleteAsync(CancellationToken cancellationToken)
    {
        if (form is not null && await NextFileAsync(form, cancellationToken) is not null)
        {
            throw new BadHttpRequestException("The form has more than one file; send them one after the other.");
        }
    }

    private async ValueTask<int> ReadAsync(byte[] buffer, CancellationToken cancellationToken)
    {
        try
        {
            return await Content.ReadAsync(buffer, cancellationToken);
        }
        catch (Exception e) when (UploadStream.IsBroken(e))
        {
            throw UploadStream.Broken(e);
        }
    }

    private Stream Unpack(Stream content) => Packing.Unpack(coding, content);

    private static async Task<Stream?> NextFileAsync(MultipartReader form, CancellationToken cancellationToken)
    {
        try
        {
            while (await form.ReadNextSectionAsync(cancellationToken) is { } section)
            {
                if (section.GetContentDispositionHeader()?.IsFileDisposition() is true)
                {
                    return section.Body;
                }
            }

            return null;
        }
        catch (Exception e) when (UploadStream.IsBroken(e))
        {
            throw UploadStream.Broken(e);
        }
    }

    private static string MediaTypeOf(HttpRequest request) =>
        MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            ? type.MediaType.ToString()
            : request.ContentType ?? "";

    private static string CodingOf(HttpRequest request) =>
        request.Headers.ContentEncoding.ToString().Trim().ToLowerInvariant() switch
        {
            "" => "identity",
            "x-gzip" => "gzip",
            var coding => coding,
        };

    private static ProblemHttpResult Unsupported(string detail, IReadOnlyList<string> taken) =>
        TypedResults.Problem(
            statusCode: StatusCodes.Status415UnsupportedMediaType,
            detail: $"{detail} Taken are: {string.Join(", ", taken)}.",
            extensions: new Dictionary<string, object?> { ["accepted"] = taken }
        );
}
