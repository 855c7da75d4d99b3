using System.Text;
using Exact.Api.Transfers.Unpacking;
using Exact.Infrastructure.Transfer.Reading;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Exact.Api.Transfers;

/// <summary>Finds the fixture in a request: the body, or the file of a form, which <c>IFormFile</c> would buffer.</summary>
internal static class Upload
{
    public const string Form = "multipart/form-data";

    /// <summary>Browsers write fewer than 70 characters, and RFC 2046 allows 70.</summary>
    private const int MaxBoundary = 128;

    /// <summary>The accepted media types. A body without one is accepted, too, because many clients send files so.</summary>
    public static IReadOnlyList<string> Types { get; } =
    [
        "application/json",
        "application/x-ndjson",
        "application/jsonl",
        "application/gzip",
        "application/x-gzip",
        "application/x-tar",
        "application/octet-stream",
        Form,
    ];

    private static readonly string[] Codings = ["gzip", "br"];

    /// <summary>The answer to a body whose media type or content coding is not accepted; null if it may be read.</summary>
    public static ProblemHttpResult? Refuse(HttpContext context)
    {
        var type = MediaTypeOf(context.Request);
        if (type is not "" && !Types.Contains(type, StringComparer.OrdinalIgnoreCase))
        {
            context.Response.Headers.Append("Accept-Post", string.Join(", ", Types));
            return Unsupported("Content-Type", type, Types);
        }

        if (!IsForm(context.Request) && !TryFindCharset(context.Request.ContentType, out _, out var charset))
        {
            return TypedResults.Problem(
                statusCode: StatusCodes.Status415UnsupportedMediaType,
                detail: UnknownCharset(charset)
            );
        }

        var coding = CodingOf(context.Request);
        if (coding is not "identity" && !Codings.Contains(coding))
        {
            context.Response.Headers.AcceptEncoding = string.Join(", ", Codings); // RFC 9110, section 12.5.3
            return Unsupported("Content-Encoding", coding, Codings);
        }

        return null;
    }

    /// <summary>Opens the fixture as it was sent, still packed.</summary>
    /// <exception cref="BadHttpRequestException">The form is broken, or has no file.</exception>
    public static async Task<(UploadStream Content, Packing Packing)> OpenAsync(
        HttpRequest request,
        PacedBody body,
        CancellationToken cancellationToken
    )
    {
        var coding = CodingOf(request);
        if (!IsForm(request))
        {
            TryFindCharset(request.ContentType, out var encoding, out _);
            return (new UploadStream(body, form: null) { Encoding = encoding }, PackingOf(coding));
        }

        var boundary = HeaderUtilities.RemoveQuotes(MediaTypeHeaderValue.Parse(request.ContentType).Boundary);
        if (boundary.Length is 0 or > MaxBoundary)
        {
            throw new BadHttpRequestException(
                $"The boundary of the form must have 1 to {MaxBoundary} characters. Set it in Content-Type."
            );
        }

        if (coding is not "identity")
        {
            throw new BadHttpRequestException(
                "A form must not have a Content-Encoding. Compress the file instead; a gzip file is recognised."
            );
        }

        var form = new MultipartReader(boundary.ToString(), body);
        var file =
            await UploadStream.FindFileAsync(form, cancellationToken)
            ?? throw new BadHttpRequestException("The form has no file. Add the fixture as a part with a filename.");
        return TryFindCharset(file.ContentType, out var ofFile, out var charset)
            ? (new UploadStream(file.Body, form) { Encoding = ofFile }, Packing.None)
            : throw new BadHttpRequestException(UnknownCharset(charset));
    }

    private static bool IsForm(HttpRequest request) =>
        Form.Equals(MediaTypeOf(request), StringComparison.OrdinalIgnoreCase);

    /// <summary>The encoding that a Content-Type names: null if it is UTF-8, or none is named.</summary>
    /// <returns>False if it names one that is not known.</returns>
    private static bool TryFindCharset(string? contentType, out Encoding? encoding, out string charset)
    {
        encoding = null;
        charset = MediaTypeHeaderValue.TryParse(contentType, out var type)
            ? HeaderUtilities.RemoveQuotes(type.Charset).ToString()
            : "";
        return charset.Length == 0 || FileEncoding.TryFind(charset, out encoding);
    }

    private static string UnknownCharset(string charset) =>
        $"The charset \"{charset}\" in Content-Type is not known. Nothing was changed. "
        + "Send the file as UTF-8, or name its encoding as IANA does, such as windows-1251.";

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

    private static Packing PackingOf(string coding) =>
        coding switch
        {
            "gzip" => Packing.Gzip,
            "br" => Packing.Brotli,
            _ => Packing.None,
        };

    private static ProblemHttpResult Unsupported(string header, string value, IReadOnlyList<string> accepted) =>
        TypedResults.Problem(
            statusCode: StatusCodes.Status415UnsupportedMediaType,
            detail: $"{header} must be one of {string.Join(", ", accepted)}, not \"{value}\". Nothing was changed.",
            extensions: new Dictionary<string, object?> { ["accepted"] = accepted }
        );
}
