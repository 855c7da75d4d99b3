using Exact.Api.Access;
using Exact.Api.Accounts;
using Exact.Api.Files;
using Exact.Api.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.OpenApi;

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
                .ProducesFile()
                .ProducesProblem(StatusCodes.Status404NotFound);
            group
                .MapPut(
                    $"/{{challenge_id}}/{kind}",
                    (
                        [FromRoute(Name = "challenge_id")] string challengeId,
                        ChallengeFileEditor editor,
                        ChallengeService challenges,
                        ChallengeFiles files,
                        HttpContext context,
                        CancellationToken cancellationToken
                    ) => ReplaceAsync(challengeId, kind, editor, challenges, files, context, cancellationToken)
                )
                .WithSummary(
                    $"Replace the {kind}: a form with the new file; scores stay until they are evaluated again"
                )
                .ForCallers(AccessPolicies.Organiser)
                .TakesForm("The file keeps its name.", [ChallengeFileEditor.Part], PartOf(kind))
                .ProducesValidationProblem()
                .ProducesProblem(StatusCodes.Status408RequestTimeout)
                .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
                .ProducesProblem(StatusCodes.Status415UnsupportedMediaType);
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

    private static async Task<Results<Ok<ChallengeMetadata>, NotFound, ProblemHttpResult>> ReplaceAsync(
        string challengeId,
        string kind,
        ChallengeFileEditor editor,
        ChallengeService challenges,
        ChallengeFiles files,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        var outcome = await editor.CheckAsync(challengeId, context.User, cancellationToken);
        if (outcome is ChallengeChange.Done)
        {
            var form = MultipartForm.Open(context);
            outcome = await editor.ReplaceAsync(challengeId, kind, form, context.User, cancellationToken);
        }

        return outcome is ChallengeChange.NotYours ? ChallengeEndpoints.NotYours()
            : outcome is ChallengeChange.Done
            && await challenges.FindAsync(challengeId, cancellationToken) is { } challenge
                ? TypedResults.Ok(
                    new ChallengeMetadata(challenge, await files.DescribeAsync(challenge, cancellationToken))
                )
            : TypedResults.NotFound();
    }

    private static (string Name, OpenApiSchema Schema) PartOf(string kind) =>
        (ChallengeFileEditor.Part, ChallengeDocument.FileOf(kind));
}
