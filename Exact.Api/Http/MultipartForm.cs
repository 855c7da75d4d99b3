using System.Text;
using Exact.Api.Transfers;
using Exact.Api.Transfers.Unpacking;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Exact.Api.Http;

/// <summary>A file of a form. Its content can be read once, before the next file.</summary>
internal sealed record UploadedFile(string Name, string FileName, string ContentType, Stream Content);

/// <summary>A part of a form is wrong.</summary>
/// <param name="name">Its name.</param>
/// <param name="mistake">What is wrong with it.</param>
/// <param name="statusCode">The status code of the answer.</param>
internal sealed class FormPartException(string name, string mistake, int statusCode = StatusCodes.Status400BadRequest)
    : BadHttpRequestException(mistake, statusCode)
{
    public string Name => name;
}

/// <summary>
/// Reads a form whose fields come before its files, so that the fields are checked before a file is stored. Only the legacy
/// client may send the parts in any order. <c>IFormFile</c> would buffer the files.
/// </summary>
internal sealed class MultipartForm
{
    private const string MediaType = "multipart/form-data";

    /// <summary>Browsers write fewer than 70 characters, and RFC 2046 allows 70.</summary>
    private const int MaxBoundary = 128;

    private const int MaxField = 512 * 1024;

    /// <summary>The length of the column.</summary>
    private const int MaxType = 255;

    private readonly MultipartReader reader;
    private readonly IReadOnlyDictionary<string, string>? parts;
    private readonly Dictionary<string, string> fields = [];
    private readonly HashSet<string> seen = [];
    private IReadOnlyCollection<string> fieldNames = [];
    private IReadOnlyCollection<string> fileNames = [];
    private MultipartSection? first;

    private MultipartForm(MultipartReader reader, IReadOnlyDictionary<string, string>? parts) =>
        (this.reader, this.parts) = (reader, parts);

    /// <summary>Whether fields may follow a file, so that they are complete only after the last one.</summary>
    public bool IsInAnyOrder => parts is not null;

    /// <summary>The fields that have been read so far.</summary>
    public IReadOnlyDictionary<string, string> Fields => fields;

    /// <summary>Opens the form of a request. The code that stores a file limits its size.</summary>
    /// <param name="context">The request.</param>
    /// <param name="parts">
    /// The parts of a form in any order, each with the name that it has here; others are skipped. Without them, fields come
    /// first, and no part may be unknown.
    /// </param>
    /// <param name="maxBytes">The largest form, in bytes, where no code that stores a file has a limit.</param>
    /// <exception cref="BadHttpRequestException">The request has no form.</exception>
    public static MultipartForm Open(
        HttpContext context,
        IReadOnlyDictionary<string, string>? parts = null,
        long maxBytes = long.MaxValue
    )
    {
        if (
            !MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var type)
            || !type.MediaType.Equals(MediaType, StringComparison.OrdinalIgnoreCase)
        )
        {
            context.Response.Headers.Append("Accept-Post", MediaType);
            throw new BadHttpRequestException(
                $"Content-Type must be {MediaType}. Nothing was changed.",
                StatusCodes.Status415UnsupportedMediaType
            );
        }

        var boundary = HeaderUtilities.RemoveQuotes(type.Boundary);
        if (boundary.Length is 0 or > MaxBoundary)
        {
            throw new BadHttpRequestException(
                $"The boundary of the form must have 1 to {MaxBoundary} characters. Set it in Content-Type."
            );
        }

        context.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize = null;
        context.Features.Get<IHttpMinRequestBodyDataRateFeature>()?.MinDataRate = null;
        var time = context.RequestServices.GetRequiredService<TimeProvider>();
        var body = new PacedBody(context.Request.BodyReader, Pace.Background, maxBytes, time);
        context.Response.RegisterForDisposeAsync(body);
        return new(new MultipartReader(boundary.ToString(), body), parts);
    }

    /// <summary>Reads the fields up to the first file.</summary>
    /// <param name="names">The names that a field may have.</param>
    /// <param name="files">The names that a file may have.</param>
    /// <exception cref="BadHttpRequestException">A part is unknown, repeated or too long, or the form is broken.</exception>
    public async Task ReadFieldsAsync(
        IReadOnlyCollection<string> names,
        IReadOnlyCollection<string> files,
        CancellationToken cancellationToken
    )
    {
        (fieldNames, fileNames) = (names, files);
        while (await NextAsync(cancellationToken) is { } section)
        {
            if (IsFile(section))
            {
                if (FileNames.Of(section).Length == 0)
                {
                    continue; // a browser sends an empty part for an input without a file
                }

                first = section;
                break;
            }

            await AddFieldAsync(section, cancellationToken);
        }
    }

    /// <summary>The next file; null after the last one.</summary>
    /// <exception cref="BadHttpRequestException">A part is unknown or repeated, or the form is broken.</exception>
    public async Task<UploadedFile?> NextFileAsync(CancellationToken cancellationToken)
    {
        while ((first ?? await NextAsync(cancellationToken)) is { } section)
        {
            first = null;
            var name = NameOf(section);
            if (!IsFile(section))
            {
                if (IsInAnyOrder)
                {
                    await AddFieldAsync(section, cancellationToken);
                    continue;
                }

                throw new FormPartException(
                    name,
                    $"The field {name} comes after a file. Send all fields before the files. Nothing was changed."
                );
            }

            if (!fileNames.Contains(name))
            {
                throw Unknown(name, "file", fileNames);
            }

            var fileName = FileNames.Of(section);
            if (fileName.Length > 0)
            {
                Once(name);
                return new(name, fileName, TypeOf(section), new UploadStream(section.Body, form: null));
            }
        }

        return null;
    }

    private async Task AddFieldAsync(MultipartSection section, CancellationToken cancellationToken)
    {
        var name = NameOf(section);
        if (fileNames.Contains(name))
        {
            throw new FormPartException(
                Sent(name),
                $"The part {Sent(name)} must be a file, with a filename. Nothing was changed."
            );
        }

        if (!fieldNames.Contains(name))
        {
            throw Unknown(name, "field", fieldNames);
        }

        fields.Add(Once(name), await ReadTextAsync(name, section, cancellationToken));
    }

    private string Once(string name) =>
        seen.Add(name)
            ? name
            : throw new FormPartException(
                Sent(name),
                $"The form has {Sent(name)} twice. Send it once. Nothing was changed."
            );

    private static FormPartException Unknown(string name, string kind, IReadOnlyCollection<string> known) =>
        new(
            name,
            known.Count == 0
                ? $"The form has no {kind}s. Nothing was changed."
                : $"The form has no {kind} \"{name}\". It must be one of {string.Join(", ", known)}. Nothing was changed."
        );

    private async Task<MultipartSection?> NextAsync(CancellationToken cancellationToken)
    {
        try
        {
            MultipartSection? section;
            do
            {
                section = await reader.ReadNextSectionAsync(cancellationToken);
            } while (section is not null && parts?.ContainsKey(SentNameOf(section)) is false);

            return section;
        }
        catch (Exception e)
            when (e is InvalidDataException or InvalidOperationException or IOException
                && e is not (BadHttpRequestException or FileTooLargeException)
            )
        {
            throw new BadHttpRequestException(
                "The upload was cut off, or its form is broken. Nothing was changed. Send the whole form again.",
                StatusCodes.Status400BadRequest,
                e
            );
        }
    }

    private static async Task<string> ReadTextAsync(
        string name,
        MultipartSection section,
        CancellationToken cancellationToken
    )
    {
        var content = new UploadStream(section.Body, form: null);
        var buffer = new byte[MaxField + 1];
        var read = await content.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        if (read > MaxField)
        {
            throw new FormPartException(
                name,
                $"The field {name} is longer than {MaxField} bytes. Nothing was changed.",
                StatusCodes.Status413PayloadTooLarge
            );
        }

        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(buffer, 0, read);
        }
        catch (DecoderFallbackException)
        {
            throw new FormPartException(name, $"The field {name} is not UTF-8. Nothing was changed.");
        }
    }

    private static bool IsFile(MultipartSection section) =>
        section.GetContentDispositionHeader() is { } header
        && (header.FileName.HasValue || header.FileNameStar.HasValue);

    private static string TypeOf(MultipartSection section) =>
        MediaTypeHeaderValue.TryParse(section.ContentType, out var type) && type.MediaType.Length <= MaxType
            ? type.MediaType.ToString()
            : "application/octet-stream";

    private string NameOf(MultipartSection section) =>
        SentNameOf(section) switch
        {
            "" => throw new BadHttpRequestException(
                "A part of the form has no name. Name it in its Content-Disposition. Nothing was changed."
            ),
            var name => parts is null ? name : parts[name],
        };

    /// <summary>The name that the client knows.</summary>
    private string Sent(string name) => parts?.First(part => part.Value == name).Key ?? name;

    private static string SentNameOf(MultipartSection section) =>
        HeaderUtilities.RemoveQuotes(section.GetContentDispositionHeader()?.Name ?? default).ToString();
}
