using Exact.Api.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Net.Http.Headers;

namespace Exact.Api.Challenges;

internal static class ChallengeFileEndpoints
{
    public static void MapChallengeFiles(this RouteGroupBuilder group)
    {
        foreach (var kind in ChallengeForm.Files)
        {
            group
                .MapGet(
                    $"/{{challenge_id}}/{kind}",
                    (
                        [FromRoute(Name = "challenge_id")] string challengeId,
                        ChallengeFiles files,
                        HttpContext context,
                        CancellationToken cancellationToken
                    ) => DownloadAsync(challengeId, kind, files, context, cancellationToken)
                )
                .WithSummary($"Download the {kind}; Range and If-None-Match are understood")
                .Produces<Stream>(StatusCodes.Status200OK, "application/octet-stream")
                .Produces(StatusCodes.Status206PartialContent)
                .Produces(StatusCodes.Status304NotModified)
                .ProducesProblem(StatusCodes.Status404NotFound)
                .Produces(StatusCodes.Status412PreconditionFailed)
                .Produces(StatusCodes.Status416RangeNotSatisfiable)
                .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        }
    }

    /// <summary>Answers with a stored file as an attachment, so that no browser shows it in the name of this site.</summary>
    /// <param name="context">The request.</param>
    /// <param name="file">The file.</param>
    /// <param name="content">Its content.</param>
    /// <param name="name">The name of the attachment; by default the original one.</param>
    public static FileStreamHttpResult Attachment(
        HttpContext context,
        Domain.StoredFile file,
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
            name ?? file.OriginalName,
            file.CreatedAt,
            new EntityTagHeaderValue($"\"{file.Sha256}\""),
            enableRangeProcessing: true
        );
    }

    private static async Task<Results<FileStreamHttpResult, ProblemHttpResult>> DownloadAsync(
        string challengeId,
        string kind,
        ChallengeFiles files,
        HttpContext context,
        CancellationToken cancellationToken
    ) =>
        await files.OpenAsync(challengeId, kind, cancellationToken) is var (file, content)
            ? Attachment(context, file, content)
            : TypedResults.Problem(
                statusCode: StatusCodes.Status404NotFound,
                detail: $"There is no such challenge, or it has no {kind}."
            );
}
