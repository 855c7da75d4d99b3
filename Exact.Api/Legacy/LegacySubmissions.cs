using Exact.Api.Access;
using Exact.Api.Http;
using Exact.Api.Scores;
using Exact.Api.Submissions;
using Exact.Domain;
using Exact.Infrastructure.Files;
using Exact.Infrastructure.Submissions;
using FluentValidation;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace Exact.Api.Legacy;

/// <summary>Takes submissions of the legacy client, which expects the result in the answer.</summary>
internal static class LegacySubmissions
{
    /// <summary>The parts of the form. Others, such as username, are skipped.</summary>
    private static readonly Dictionary<string, string> Parts = new()
    {
        ["file"] = "file",
        ["method_name"] = "method_name",
    };

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(0.25);

    public static void MapLegacySubmissions(this RouteGroupBuilder legacy) =>
        legacy
            .MapPost("/api/xai/{challenge_id}", SubmitAsync)
            .WithSummary("Submit a method and wait for its score; 202 says that it is still queued")
            .ForLegacyCallers(Scopes.Submit)
            .TakesForm(LegacyEndpoints.AnyOrder, ["file"], SubmissionEndpoints.Form)
            .Refuses(400, 404, 408, 413, 415, 429, 503);

    private static async Task<
        Results<Created<LegacyScored>, Ok<LegacyUnscored>, Accepted<LegacyUnscored>, ProblemHttpResult>
    > SubmitAsync(
        [FromRoute(Name = "challenge_id")] string challengeId,
        SubmissionService submissions,
        FileUpload upload,
        IValidator<MethodFields> validator,
        ScoreService scores,
        IOptions<LegacyOptions> options,
        TimeProvider time,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        var user = context.User.Identity!.Name!;
        var form = MultipartForm.Open(context, Parts);
        await form.ReadFieldsAsync(["method_name"], ["file"], cancellationToken);
        if (await form.NextFileAsync(cancellationToken) is not { } file)
        {
            return TypedResults.Problem("The file is missing.", statusCode: StatusCodes.Status400BadRequest);
        }

        var (id, refusal) = await submissions.SubmitAsync(
            challengeId,
            user,
            file,
            upload,
            ReadMethodNameAsync,
            cancellationToken
        );
        if (refusal is not null)
        {
            return Refuse(context, refusal);
        }

        var score = await WaitAsync(scores, id, options.Value.WaitForResult, time, cancellationToken);
        var address = $"{context.Request.PathBase}/api/submissions/{id}";
        return score switch
        {
            null => LegacyChallenges.NotFound(), // it has just been deleted
            { Status: ScoreStatus.Completed } => TypedResults.Created(
                address,
                new LegacyScored("Evaluation completed", new(score))
            ),
            { Status: ScoreStatus.Failed } => TypedResults.Ok(new LegacyUnscored(Explain(score.ErrorMessage), null)),
            _ => TypedResults.Accepted(
                address,
                new LegacyUnscored("The submission is queued. Its score will be on the leaderboard later.", null)
            ),
        };

        async Task<string> ReadMethodNameAsync(CancellationToken token)
        {
            await form.NextFileAsync(token); // reads the fields that follow, and refuses another file
            var given = form.Fields.GetValueOrDefault("method_name")?.Trim();
            var name = given is { Length: > 0 } ? given : Path.GetFileNameWithoutExtension(file.FileName);
            await validator.ValidateAndThrowAsync(new(name), token);
            return name;
        }
    }

    /// <summary>The score when it is final, or after the time.</summary>
    private static async Task<ScoreResponse?> WaitAsync(
        ScoreService scores,
        long submission,
        TimeSpan patience,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        var start = time.GetTimestamp();
        while (true)
        {
            var score = await scores.FindAsync(submission, cancellationToken);
            if (
                score is not { Status: ScoreStatus.Pending or ScoreStatus.Running }
                || time.GetElapsedTime(start) >= patience
            )
            {
                return score;
            }

            await Task.Delay(Pause, time, cancellationToken);
        }
    }

    /// <summary>The client takes a message with the word "completed" for a success.</summary>
    private static string Explain(string? error) =>
        string.IsNullOrEmpty(error) || error.Contains("completed", StringComparison.OrdinalIgnoreCase)
            ? "The evaluation failed."
            : $"The evaluation failed: {error}";

    private static ProblemHttpResult Refuse(HttpContext context, Refusal refusal)
    {
        var problem = RefusalProblems.Describe(context, refusal).ProblemDetails;
        return problem.Status is StatusCodes.Status404NotFound
            ? LegacyChallenges.NotFound()
            : TypedResults.Problem(
                $"{problem.Title} {problem.Detail}",
                statusCode: problem.Status is StatusCodes.Status409Conflict or StatusCodes.Status415UnsupportedMediaType
                    ? StatusCodes.Status400BadRequest
                    : problem.Status
            );
    }

    /// <example>
    /// {"message": "Evaluation completed", "score": {"id": 88, "username": "bob", "challenge_id": "tetris-saliency", "score": 0.71, "emd_score": 0.71,
    /// "emd_std": 0.04, "ima_score": 0.52, "ima_std": 0.03, "method_name": "grad-cam",
    /// "created_at": "2026-12-03T14:21:05.123456Z", "status": "completed", "error_message": null, "disqualified": false,
    /// "primary_score": 0.71}}
    /// </example>
    internal sealed record LegacyScored(string Message, LegacyScore Score);

    /// <example>{"message": "The submission is queued. Its score will be on the leaderboard later.", "scores": null}</example>
    internal sealed record LegacyUnscored(string Message, LegacyScore? Scores);
}
