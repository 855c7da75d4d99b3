using Exact.Api.Files;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

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

    private static async Task<Results<FileStreamHttpResult, ProblemHttpResult>> DownloadAsync(
        string challengeId,
        string kind,
        ChallengeFiles files,
        HttpContext context,
        CancellationToken cancellationToken
    ) =>
        await files.OpenAsync(challengeId, kind, cancellationToken) is var (file, content)
            ? StoredFiles.Attachment(context, file, content)
            : TypedResults.Problem(
                statusCode: StatusCodes.Status404NotFound,
                detail: $"There is no such challenge, or it has no {kind}."
            );
}
