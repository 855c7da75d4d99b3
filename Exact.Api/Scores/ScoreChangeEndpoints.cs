using System.Text.Json;
using Exact.Api.Access;
using Exact.Api.Accounts;
using Exact.Api.Challenges;
using FluentValidation;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Exact.Api.Scores;

using Answer = Results<Ok<ScoreResponse>, NotFound, ForbidHttpResult, ProblemHttpResult>;

/// <summary>Organisers enter, correct, disqualify, reinstate and evaluate again the scores of their challenges.</summary>
internal static class ScoreChangeEndpoints
{
    private const int MaxBody = 64 * 1024;

    public static IServiceCollection AddScoreChanges(this IServiceCollection services) =>
        services
            .AddScoped<ScoreChanges>()
            .AddSingleton<IValidator<NewScoreRequest>, NewScoreValidator>()
            .AddSingleton<IValidator<ReasonRequest>, ReasonValidator>()
            .AddSingleton<IValidator<RerunRequest>, RerunValidator>();

    public static void MapScoreChanges(this IEndpointRouteBuilder routes)
    {
        var challenge = routes
            .MapGroup("/api/challenges/{challenge_id}")
            .WithTags("Scores")
            .WithChallengeName()
            .Validated();
        challenge.MapPost("/scores", EnterAsync).WithSummary("Enter a score by hand").ForOrganisers();
        challenge
            .MapPost("/rerun", RerunAllAsync)
            .WithSummary("Evaluate all submissions to a challenge again")
            .ForOrganisers();
        var score = routes.MapGroup("/api/scores/{id:long}").WithTags("Scores").Validated();
        score
            .MapPatch("/", CorrectAsync)
            .WithSummary("Correct the named values of a score; null clears a value")
            .Accepts<ScorePatch>("application/json", "application/merge-patch+json")
            .ForOrganisers()
            .ProducesProblem(StatusCodes.Status409Conflict);
        score
            .MapPost("/disqualify", DisqualifyAsync)
            .WithSummary("Keep a score, and take it off the leaderboard")
            .ForOrganisers()
            .ProducesProblem(StatusCodes.Status409Conflict);
        score
            .MapPost("/reinstate", ReinstateAsync)
            .WithSummary("Put a disqualified score back on the leaderboard")
            .ForOrganisers()
            .ProducesProblem(StatusCodes.Status409Conflict);
        score
            .MapPost("/rerun", RerunAsync)
            .WithSummary("Evaluate a submission again")
            .ForOrganisers()
            .ProducesProblem(StatusCodes.Status409Conflict);
    }

    private static RouteHandlerBuilder ForOrganisers(this RouteHandlerBuilder endpoint) =>
        endpoint
            .ForCallers(AccessPolicies.Organiser)
            .WithMetadata(new RequestSizeLimitAttribute(MaxBody))
            .ProducesValidationProblem()
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType);

    private static async Task<Results<Created<ScoreResponse>, NotFound, ForbidHttpResult>> EnterAsync(
        [FromRoute(Name = "challenge_id")] string challengeId,
        NewScoreRequest request,
        ScoreChanges changes,
        HttpContext context,
        CancellationToken cancellationToken
    ) =>
        await changes.EnterAsync(challengeId, request, context.User, cancellationToken) switch
        {
            ScoreChange.Done { Score: var score } => TypedResults.Created((string?)null, score),
            ScoreChange.NotYours => TypedResults.Forbid(),
            _ => TypedResults.NotFound(),
        };

    private static async Task<Results<Accepted<RerunResponse>, NotFound, ForbidHttpResult>> RerunAllAsync(
        [FromRoute(Name = "challenge_id")] string challengeId,
        RerunRequest request,
        ScoreChanges changes,
        HttpContext context,
        CancellationToken cancellationToken
    ) =>
        await changes.RerunAllAsync(challengeId, request, context.User, cancellationToken) switch
        {
            null => TypedResults.NotFound(),
            < 0 => TypedResults.Forbid(),
            { } number => TypedResults.Accepted((string?)null, new RerunResponse(number)),
        };

    private static async Task<Answer> CorrectAsync(
        long id,
        [FromBody] JsonElement patch,
        ScoreChanges changes,
        HttpContext context,
        CancellationToken cancellationToken
    ) => AnswerTo(await changes.CorrectAsync(id, ScorePatch.Read(patch), context.User, cancellationToken));

    private static async Task<Answer> DisqualifyAsync(
        long id,
        ReasonRequest request,
        ScoreChanges changes,
        HttpContext context,
        CancellationToken cancellationToken
    ) => AnswerTo(await changes.DisqualifyAsync(id, request.Reason, context.User, cancellationToken));

    private static async Task<Answer> ReinstateAsync(
        long id,
        ReasonRequest request,
        ScoreChanges changes,
        HttpContext context,
        CancellationToken cancellationToken
    ) => AnswerTo(await changes.ReinstateAsync(id, request.Reason, context.User, cancellationToken));

    private static async Task<Answer> RerunAsync(
        long id,
        RerunRequest request,
        ScoreChanges changes,
        HttpContext context,
        CancellationToken cancellationToken
    ) => AnswerTo(await changes.RerunAsync(id, request, context.User, cancellationToken));

    private static Answer AnswerTo(ScoreChange change) =>
        change switch
        {
            ScoreChange.Done { Score: var score } => TypedResults.Ok(score),
            ScoreChange.NotYours => TypedResults.Forbid(),
            ScoreChange.Impossible { Why: var why } => TypedResults.Problem(
                statusCode: StatusCodes.Status409Conflict,
                title: "The score was not changed.",
                detail: why
            ),
            _ => TypedResults.NotFound(),
        };
}
