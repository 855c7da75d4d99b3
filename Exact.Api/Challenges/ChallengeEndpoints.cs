using System.Text.Json;
using Exact.Api.Access;
using Exact.Api.Accounts;
using Exact.Api.Files;
using Exact.Api.Http;
using FluentValidation;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Exact.Api.Challenges;

internal static class ChallengeEndpoints
{
    /// <summary>In bytes; a description may be long.</summary>
    private const int MaxBody = 1024 * 1024;

    public static IServiceCollection AddChallenges(this IServiceCollection services) =>
        services
            .AddScoped<ChallengeService>()
            .AddScoped<ChallengeEditor>()
            .AddScoped<ChallengeFileEditor>()
            .AddScoped<UnusedFiles>()
            .AddScoped<StoredFiles>()
            .AddScoped<ChallengeFiles>()
            .AddSingleton<IValidator<ChallengeFields>, ChallengeFieldsValidator>()
            .AddSingleton<IValidator<RuleFields>, RuleFieldsValidator>()
            .AddSingleton<IValidator<ChallengeQuery>, ChallengeQueryValidator>()
            .AddSingleton<IValidator<PageQuery>, KeyPageValidator>();

    public static void MapChallenges(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/api/challenges").WithTags("Challenges").WithChallengeName().Validated();
        group
            .MapGet("/", ListAsync)
            .MayReadFromStandbys()
            .WithSummary("List the challenges")
            .ProducesValidationProblem()
            .ProducesProblem(StatusCodes.Status401Unauthorized);
        group.MapGet("/{challenge_id}", GetAsync).MayReadFromStandbys().WithSummary("Get a challenge");
        group
            .MapGet("/{challenge_id}/metadata", DescribeAsync)
            .MayReadFromStandbys()
            .WithSummary("Get a challenge with the names, sizes and SHA-256 of its files");
        group
            .MapPost("/", CreateAsync)
            .WithSummary("Create a challenge: a form whose fields come before its files")
            .ForCallers(AccessPolicies.Organiser)
            .TakesForm(ChallengeDocument.FieldsFirst, ["title"], ChallengeDocument.Form)
            .ProducesValidationProblem()
            .ProducesProblem(StatusCodes.Status408RequestTimeout)
            .ProducesProblem(StatusCodes.Status409Conflict)
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        group
            .MapPatch("/{challenge_id}", ChangeAsync)
            .WithSummary("Change the named fields of a challenge; null removes a value")
            .WithMetadata(new RequestSizeLimitAttribute(MaxBody))
            .Accepts<ChallengeFields>("application/json", "application/merge-patch+json")
            .ForCallers(AccessPolicies.Organiser)
            .ProducesValidationProblem()
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType);
        group
            .MapPost("/{challenge_id}/close", CloseAsync)
            .WithSummary("Close a challenge now")
            .ForCallers(AccessPolicies.Organiser);
        group
            .MapDelete("/{challenge_id}", DeleteAsync)
            .WithSummary("Delete a challenge with its scores, submissions and files")
            .ForCallers(AccessPolicies.Organiser);
        group.MapChallengeFiles();
    }

    private static async Task<Results<Ok<IReadOnlyList<ChallengeResponse>>, UnauthorizedHttpResult>> ListAsync(
        [AsParameters] ChallengeQuery query,
        ChallengeService challenges,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        var caller = context.User.Identity?.Name;
        if (query.Mine && caller is null)
        {
            return TypedResults.Unauthorized();
        }

        var found = await challenges.ListAsync(query, caller, cancellationToken);
        return TypedResults.Ok(context.WithPageHeaders(found, query, query.PlaceOf));
    }

    private static async Task<Results<Ok<ChallengeResponse>, NotFound>> GetAsync(
        [FromRoute(Name = "challenge_id")] string challengeId,
        ChallengeService challenges,
        CancellationToken cancellationToken
    ) =>
        await challenges.FindAsync(challengeId, cancellationToken) is { } challenge
            ? TypedResults.Ok(challenge)
            : TypedResults.NotFound();

    private static async Task<Results<Ok<ChallengeMetadata>, NotFound>> DescribeAsync(
        [FromRoute(Name = "challenge_id")] string challengeId,
        ChallengeService challenges,
        ChallengeFiles files,
        CancellationToken cancellationToken
    ) =>
        await challenges.FindAsync(challengeId, cancellationToken) is { } challenge
            ? TypedResults.Ok(new ChallengeMetadata(challenge, await files.DescribeAsync(challenge, cancellationToken)))
            : TypedResults.NotFound();

    private static async Task<Results<Created<ChallengeResponse>, ProblemHttpResult>> CreateAsync(
        HttpContext context,
        ChallengeEditor editor,
        ChallengeService challenges,
        CancellationToken cancellationToken
    )
    {
        var form = MultipartForm.Open(context);
        var (outcome, challengeId) = await editor.CreateAsync(form, context.User, cancellationToken);
        return outcome is ChallengeChange.NameTaken
            ? TypedResults.Problem(
                statusCode: StatusCodes.Status409Conflict,
                title: "The challenge_id is taken.",
                detail: $"There is a challenge \"{challengeId}\". Choose another challenge_id, or leave it out."
            )
            : TypedResults.Created(
                $"{context.Request.PathBase}/api/challenges/{challengeId}",
                await challenges.FindAsync(challengeId, cancellationToken)
            );
    }

    private static async Task<Results<Ok<ChallengeResponse>, NotFound, ProblemHttpResult>> ChangeAsync(
        [FromRoute(Name = "challenge_id")] string challengeId,
        [FromBody] JsonElement patch,
        ChallengeEditor editor,
        ChallengeService challenges,
        HttpContext context,
        CancellationToken cancellationToken
    ) =>
        await AnswerAsync(
            await editor.ChangeAsync(challengeId, patch, context.User, cancellationToken),
            challengeId,
            challenges,
            cancellationToken
        );

    private static async Task<Results<Ok<ChallengeResponse>, NotFound, ProblemHttpResult>> CloseAsync(
        [FromRoute(Name = "challenge_id")] string challengeId,
        ChallengeEditor editor,
        ChallengeService challenges,
        HttpContext context,
        CancellationToken cancellationToken
    ) =>
        await AnswerAsync(
            await editor.CloseAsync(challengeId, context.User, cancellationToken),
            challengeId,
            challenges,
            cancellationToken
        );

    private static async Task<Results<NoContent, NotFound, ProblemHttpResult>> DeleteAsync(
        [FromRoute(Name = "challenge_id")] string challengeId,
        ChallengeEditor editor,
        HttpContext context,
        CancellationToken cancellationToken
    ) =>
        await editor.DeleteAsync(challengeId, context.User, cancellationToken) switch
        {
            ChallengeChange.Done => TypedResults.NoContent(),
            ChallengeChange.NotYours => NotYours(),
            _ => TypedResults.NotFound(),
        };

    private static async Task<Results<Ok<ChallengeResponse>, NotFound, ProblemHttpResult>> AnswerAsync(
        ChallengeChange outcome,
        string challengeId,
        ChallengeService challenges,
        CancellationToken cancellationToken
    ) =>
        outcome is ChallengeChange.NotYours ? NotYours()
        : outcome is ChallengeChange.Done && await challenges.FindAsync(challengeId, cancellationToken) is { } challenge
            ? TypedResults.Ok(challenge)
        : TypedResults.NotFound();

    public static ProblemHttpResult NotYours() =>
        TypedResults.Problem(
            statusCode: StatusCodes.Status403Forbidden,
            title: "This challenge is not yours.",
            detail: "Only its organiser and members of staff may change it."
        );
}
