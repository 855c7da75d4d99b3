using Exact.Api.Access;
using Exact.Api.Challenges;
using Exact.Api.Files;
using Exact.Api.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Exact.Api.Legacy;

/// <summary>
/// Creates, shows and deletes challenges for the legacy client. It takes the list from <c>/api/challenges</c>, as all do.
/// </summary>
internal static class LegacyChallenges
{
    /// <summary>The parts of the form, with the names of <see cref="ChallengeForm"/>. Others, such as created_by, are skipped.</summary>
    private static readonly Dictionary<string, string> Parts = new()
    {
        ["title"] = "title",
        ["description"] = "description",
        ["closes_on"] = "closes_on",
        ["dataset"] = "dataset",
        ["mlmodel"] = "mlmodel",
        ["xai_method"] = "xaimethod",
    };

    public static void MapLegacyChallenges(this RouteGroupBuilder legacy)
    {
        legacy
            .MapPost("/api/challenge/create", CreateAsync)
            .WithSummary("Create a challenge; the caller organises it, whatever created_by says")
            .ForLegacyCallers(AccessPolicies.Organiser)
            .TakesForm(
                LegacyEndpoints.AnyOrder,
                ["title"],
                ChallengeDocument.Title,
                ChallengeDocument.Description,
                ChallengeDocument.ClosesOn,
                ("dataset", ChallengeDocument.FileOf("dataset")),
                ("mlmodel", ChallengeDocument.FileOf("mlmodel")),
                ("xai_method", ChallengeDocument.FileOf("xaimethod"))
            )
            .Refuses(400, 408, 413, 415, 503);
        legacy.MapGet("/api/challenge/{challenge_id}", GetAsync).WithSummary("Get a challenge").Refuses(404);
        legacy
            .MapGet("/api/challenge/{challenge_id}/metadata", GetAsync)
            .WithSummary("Get a challenge once more")
            .Refuses(404);
        legacy
            .MapDelete("/api/challenge/{challenge_id}/delete", DeleteAsync)
            .WithSummary("Delete a challenge of the caller with its scores, submissions and files")
            .ForLegacyCallers(AccessPolicies.Organiser)
            .Refuses(404);
        legacy.MapDownload("dataset", "dataset_file");
        legacy.MapDownload("mlmodel", "mlmodel_file");
        legacy.MapDownload("xaimethod", "xai_method_file");
    }

    private static async Task<Created<LegacyCreated>> CreateAsync(
        HttpContext context,
        ChallengeEditor editor,
        CancellationToken cancellationToken
    )
    {
        var form = MultipartForm.Open(context, Parts);
        var (_, challengeId) = await editor.CreateAsync(form, context.User, cancellationToken);
        return TypedResults.Created(
            $"{context.Request.PathBase}/api/challenges/{challengeId}",
            new LegacyCreated("Challenge created", challengeId, context.User.Identity!.Name!)
        );
    }

    private static async Task<Results<Ok<ChallengeResponse>, ProblemHttpResult>> GetAsync(
        [FromRoute(Name = "challenge_id")] string challengeId,
        ChallengeService challenges,
        CancellationToken cancellationToken
    ) =>
        await challenges.FindAsync(challengeId, cancellationToken) is { } challenge
            ? TypedResults.Ok(challenge)
            : NotFound();

    private static async Task<Results<Ok<LegacyMessage>, ProblemHttpResult>> DeleteAsync(
        [FromRoute(Name = "challenge_id")] string challengeId,
        ChallengeEditor editor,
        HttpContext context,
        CancellationToken cancellationToken
    ) =>
        await editor.DeleteAsync(challengeId, context.User, cancellationToken) switch
        {
            ChallengeChange.Done => TypedResults.Ok(new LegacyMessage("Challenge deleted")),
            ChallengeChange.NotYours => ChallengeEndpoints.NotYours(),
            _ => NotFound(),
        };

    private static void MapDownload(this RouteGroupBuilder legacy, string kind, string name) =>
        legacy
            .MapGet(
                $"/api/{kind}/{{challenge_id}}",
                async Task<Results<FileStreamHttpResult, ProblemHttpResult>> (
                    [FromRoute(Name = "challenge_id")] string challengeId,
                    ChallengeFiles files,
                    HttpContext context,
                    CancellationToken cancellationToken
                ) =>
                    await files.OpenAsync(challengeId, kind, cancellationToken) is var (file, content)
                        ? StoredFiles.Attachment(context, file, content, name + Path.GetExtension(file.OriginalName))
                        : NotFound($"There is no such challenge, or it has no {kind}.")
            )
            .WithSummary($"Download the {kind}")
            .ProducesFile()
            .Refuses(404);

    public static ProblemHttpResult NotFound(string error = "Challenge not found") =>
        TypedResults.Problem(error, statusCode: StatusCodes.Status404NotFound);

    /// <example>{"message": "Challenge created", "challenge_id": "tetris-saliency", "created_by": "ada"}</example>
    internal sealed record LegacyCreated(string Message, string ChallengeId, string CreatedBy);
}
