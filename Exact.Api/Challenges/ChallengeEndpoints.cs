using FluentValidation;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Exact.Api.Challenges;

internal static class ChallengeEndpoints
{
    public static IServiceCollection AddChallenges(this IServiceCollection services) =>
        services.AddScoped<ChallengeService>().AddSingleton<IValidator<PageQuery>, KeyPageValidator>();

    public static void MapChallenges(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/api/challenges").WithTags("Challenges").WithChallengeName().Validated();
        group.MapGet("/", ListAsync).WithSummary("List the challenges, newest first").ProducesValidationProblem();
        group.MapGet("/{challenge_id}", GetAsync).WithSummary("Get a challenge");
    }

    private static async Task<Ok<IReadOnlyList<ChallengeResponse>>> ListAsync(
        [AsParameters] PageQuery page,
        ChallengeService challenges,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        var found = await challenges.ListAsync(page, cancellationToken);
        return TypedResults.Ok(context.WithPageHeaders(found, page, challenge => [challenge.Key]));
    }

    private static async Task<Results<Ok<ChallengeResponse>, NotFound>> GetAsync(
        [FromRoute(Name = "challenge_id")] string challengeId,
        ChallengeService challenges,
        CancellationToken cancellationToken
    ) =>
        await challenges.FindAsync(challengeId, cancellationToken) is { } challenge
            ? TypedResults.Ok(challenge)
            : TypedResults.NotFound();
}
