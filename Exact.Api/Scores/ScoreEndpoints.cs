using Exact.Api.Challenges;
using Exact.Api.Http;
using FluentValidation;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Exact.Api.Scores;

internal static class ScoreEndpoints
{
    /// <summary>The name of the file that a leaderboard is downloaded as.</summary>
    private const string Name = "leaderboard";

    public static IServiceCollection AddScores(this IServiceCollection services) =>
        services
            .AddScoped<ScoreService>()
            .AddScoped<Leaderboard>()
            .AddSingleton<IValidator<LeaderboardQuery>, LeaderboardQueryValidator>()
            .AddSingleton<IValidator<ScoreQuery>, ScoreQueryValidator>();

    public static void MapScores(this IEndpointRouteBuilder routes)
    {
        var group = routes
            .MapGroup("/api/challenges/{challenge_id}")
            .WithTags("Scores")
            .WithChallengeName()
            .Validated();
        group
            .MapGet("/scores", ListAsync)
            .MayReadFromStandbys()
            .WithSummary("List the scores of a challenge, newest first")
            .ProducesRows<ScoreResponse>()
            .ProducesValidationProblem();
        group
            .MapGet("/leaderboard", RankAsync)
            .MayReadFromStandbys()
            .WithSummary("Get the leaderboard of a challenge")
            .ProducesRows<LeaderboardEntry>()
            .ProducesValidationProblem()
            .ProducesProblem(StatusCodes.Status401Unauthorized);
    }

    private static async Task<Results<Ok<IReadOnlyList<ScoreResponse>>, AllRows<ScoreResponse>, NotFound>> ListAsync(
        [FromRoute(Name = "challenge_id")] string challengeId,
        [AsParameters] ScoreQuery query,
        ScoreService scores,
        PublicReads reads,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        if (await Board.FindAsync(reads.Source, challengeId, cancellationToken) is not { } board)
        {
            return TypedResults.NotFound();
        }

        // While the scores are hidden, a participant still sees the own ones.
        var isHidden = context.IsHidden(board);
        var own = context.User.Identity?.Name;
        long? total = isHidden ? null : board.Scores;
        if (query.Format.OrDefault() is not RowFormat.Json and var format)
        {
            return new AllRows<ScoreResponse>(Read(limit: null), format, total, "scores");
        }

        var rows = await Read(query.Limit).ToListAsync(cancellationToken);
        return TypedResults.Ok(context.WithPageHeaders(new Page<ScoreResponse>(rows, total), query, s => [s.Id]));

        IAsyncEnumerable<ScoreResponse> Read(int? limit) =>
            isHidden && own is null
                ? AsyncEnumerable.Empty<ScoreResponse>()
                : scores.ReadAsync(challengeId, isHidden ? own : null, query, limit, context.User);
    }

    private static async Task<
        Results<Ok<IReadOnlyList<LeaderboardEntry>>, AllRows<LeaderboardEntry>, NotFound, ChallengeHttpResult>
    > RankAsync(
        [FromRoute(Name = "challenge_id")] string challengeId,
        [AsParameters] LeaderboardQuery query,
        Leaderboard leaderboard,
        PublicReads reads,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        var place = Leaderboard.Place.Of(query);
        if (query.Format.OrDefault() is not RowFormat.Json and var format)
        {
            return await Board.FindAsync(reads.Source, challengeId, cancellationToken) is not { } found
                    ? TypedResults.NotFound()
                : context.IsHidden(found)
                    ? new AllRows<LeaderboardEntry>(AsyncEnumerable.Empty<LeaderboardEntry>(), format, null, Name)
                : new AllRows<LeaderboardEntry>(
                    leaderboard.ReadAsync(challengeId, query, place, cancellationToken),
                    format,
                    Leaderboard.Count(found, query),
                    Name
                );
        }

        var isRanked = true;
        if (query.Around is not null)
        {
            var around = query.Around is LeaderboardQuery.Me ? context.User.Identity?.Name : query.Around;
            if (around is null)
            {
                return TypedResults.Challenge();
            }

            (isRanked, place) = await leaderboard.FindPlaceAsync(challengeId, around, query, cancellationToken);
        }

        if (await leaderboard.FindAsync(challengeId, query, place, cancellationToken) is not var (board, rows))
        {
            return TypedResults.NotFound();
        }

        var isHidden = context.IsHidden(board);
        var page = new Page<LeaderboardEntry>(
            isHidden || !isRanked ? [] : rows,
            isHidden ? null : Leaderboard.Count(board, query)
        );
        return TypedResults.Ok(context.WithPageHeaders(page, query, Leaderboard.PlaceOf));
    }

    /// <summary>Whether the caller may not see the scores yet; the response says why it is empty.</summary>
    private static bool IsHidden(this HttpContext context, Board board)
    {
        var isHidden = board.IsHiddenFrom(context.User);
        if (isHidden)
        {
            context.Response.Headers["X-Scores-Hidden"] = board.ClosesOn is { } closes
                ? $"until the challenge closes on {closes.UtcDateTime:yyyy-MM-ddTHH:mm:ssZ}"
                : "until the challenge closes";
        }

        return isHidden;
    }
}
