using Exact.Api.Challenges;
using FluentValidation;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Exact.Api.Scores;

internal static class ScoreEndpoints
{
    public static IServiceCollection AddScores(this IServiceCollection services) =>
        services
            .AddScoped<ScoreService>()
            .AddScoped<Leaderboard>()
            .AddSingleton<IValidator<LeaderboardQuery>, LeaderboardQueryValidator>();

    public static void MapScores(this IEndpointRouteBuilder routes)
    {
        var group = routes
            .MapGroup("/api/challenges/{challenge_id}")
            .WithTags("Scores")
            .WithChallengeName()
            .Validated();
        group
            .MapGet("/scores", ListAsync)
            .WithSummary("List the scores of a challenge, newest first")
            .ProducesValidationProblem();
        group
            .MapGet("/leaderboard", RankAsync)
            .WithSummary("Get the leaderboard of a challenge")
            .ProducesValidationProblem();
    }

    private static async Task<Results<Ok<IReadOnlyList<ScoreResponse>>, NotFound>> ListAsync(
        [FromRoute(Name = "challenge_id")] string challengeId,
        [AsParameters] PageQuery page,
        ScoreService scores,
        HttpContext context,
        CancellationToken cancellationToken
    ) =>
        await scores.ListAsync(challengeId, page, cancellationToken) is { } found
            ? TypedResults.Ok(context.WithPageHeaders(found, page, score => [score.Id]))
            : TypedResults.NotFound();

    private static async Task<Results<Ok<IReadOnlyList<LeaderboardEntry>>, NotFound>> RankAsync(
        [FromRoute(Name = "challenge_id")] string challengeId,
        [AsParameters] LeaderboardQuery query,
        Leaderboard leaderboard,
        HttpContext context,
        CancellationToken cancellationToken
    ) =>
        await leaderboard.ReadAsync(challengeId, query, cancellationToken) is { } found
            ? TypedResults.Ok(context.WithPageHeaders(found, query, Leaderboard.PlaceOf))
            : TypedResults.NotFound();
}
