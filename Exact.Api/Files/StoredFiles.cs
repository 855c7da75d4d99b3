using System.Net.Mime;
using Exact.Api.Http;
using Exact.Domain;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Files;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Net.Http.Headers;

namespace Exact.Api.Files;

/// <summary>Opens stored files and sends them.</summary>
internal sealed class StoredFiles(ExactDbContext database, IFileStore store)
{
    /// <summary>The file with this key.</summary>
    /// <exception cref="FileMissingException">The store does not have it as it was uploaded.</exception>
    public async Task<(StoredFile File, Stream Content)> OpenAsync(string key, CancellationToken cancellationToken)
    {
        var file = await database
            .StoredFiles.AsNoTracking()
            .SingleOrDefaultAsync(one => one.Key == key, cancellationToken);
        // A file of another length would break the answer off in the middle.
        return file is not null && await store.FindSizeAsync(key, cancellationToken) == file.Size
            ? (file, new StoredFileStream(store, key, file.Size))
            : throw new FileMissingException(key);
    }

    /// <summary>Answers with a file as an attachment, so that no browser shows it in the name of this site.</summary>
    /// <param name="context">The request.</param>
    /// <param name="file">The file.</param>
    /// <param name="content">Its content.</param>
    /// <param name="name">The name of the attachment; by default the original one.</param>
    public static FileStreamHttpResult Attachment(
        HttpContext context,
        StoredFile file,
        Stream content,
        string? name = null
    )
    {
        // The result skips the body itself, and then reads nothing from the store.
        context.Request.Method = context.IsHead() ? HttpMethods.Head : context.Request.Method;
        if (!context.Request.Headers.Range.ToString().StartsWith("bytes=", StringComparison.OrdinalIgnoreCase))
        {
            context.Request.Headers.Remove(HeaderNames.Range); // the framework takes every unit for bytes
        }

        context.Response.Headers.CacheControl = "no-cache"; // a copy may be kept, and must be compared
        context.Response.Headers["Repr-Digest"] = // RFC 9530
            $"sha-256=:{Convert.ToBase64String(Convert.FromHexString(file.Sha256))}:";
        return TypedResults.Stream(
            content,
            file.ContentType,
            FileNames.Printable(name ?? file.OriginalName), // an imported name is as it was
            file.CreatedAt,
            new EntityTagHeaderValue($"\"{file.Sha256}\""),
            enableRangeProcessing: true
        );
    }
}

internal static class FileAnswers
{
    /// <summary>Documents the answers of <see cref="StoredFiles.Attachment"/>.</summary>
    public static RouteHandlerBuilder ProducesFile(this RouteHandlerBuilder endpoint) =>
        endpoint
            .Produces<Stream>(StatusCodes.Status200OK, MediaTypeNames.Application.Octet)
            .Produces<Stream>(StatusCodes.Status206PartialContent, MediaTypeNames.Application.Octet)
            .Produces(StatusCodes.Status304NotModified)
            .Produces(StatusCodes.Status412PreconditionFailed)
            .Produces(StatusCodes.Status416RangeNotSatisfiable);
}
