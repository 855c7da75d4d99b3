using System.Runtime.CompilerServices;
using Exact.Api.Http;
using Exact.Api.Operations;
using Exact.Api.Startup;
using Exact.Infrastructure;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Microsoft.EntityFrameworkCore;

namespace Exact.Api.AdminConsole;

/// <summary>What Exact is and where to go, at <c>/</c>; and the progress of a service that is not ready.</summary>
internal static class Home
{
    public const string Sentence =
        "Exact is the challenge API of a platform where people compare methods for explaining machine-learning models.";

    private const int MaxChallenges = 50;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    public static void MapHome(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/", GetAsync).ExcludeFromDescription().AvailableAtAnyTime();

    public static void MapProgress(this RouteGroupBuilder group) =>
        group
            .MapGet(
                "/progress",
                ServerEvents (SchemaState state, IHostApplicationLifetime lifetime, HttpContext context) =>
                    new("progress", FollowAsync(state, lifetime.ApplicationStopping), context.IsHead())
            )
            .AvailableAtAnyTime()
            .DisableRateLimiting();

    /// <summary>The newest challenges.</summary>
    public static async Task<IReadOnlyList<ChallengeLink>> ReadChallengesAsync(
        ExactDbContext database,
        string root,
        CancellationToken cancellationToken
    ) =>
        await database
            .Challenges.AsNoTracking()
            .OrderByDescending(one => one.CreatedAt)
            .Take(MaxChallenges)
            .Select(one => new ChallengeLink(
                one.Title,
                one.CreatedBy,
                $"{root}/api/challenges/{Uri.EscapeDataString(one.ChallengeId)}"
            ))
            .ToListAsync(cancellationToken);

    private static async Task<IResult> GetAsync(
        HttpContext context,
        SchemaState state,
        ExactDbContext database,
        CancellationToken cancellationToken
    )
    {
        context.Response.Headers.Vary = "Accept";
        if (ProblemPages.WantsPage(context.Request))
        {
            return state.IsOpen ? ConsolePage.Of<HomePage>() : ReadinessGate.NotReady(state.Current);
        }

        var root = context.Request.PathBase;
        return TypedResults.Ok(
            new HomeResponse(
                "Exact",
                Product.Version,
                Sentence,
                state.IsReady,
                new(
                    $"{root}/admin",
                    $"{root}/swagger",
                    $"{root}/docs",
                    $"{root}/openapi/v1.json",
                    $"{root}/health/ready",
                    $"{root}/api/challenges"
                ),
                state.IsReady ? await ReadChallengesAsync(database, root, cancellationToken) : []
            )
        );
    }

    private static async IAsyncEnumerable<object> FollowAsync(
        SchemaState state,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        using var timer = new PeriodicTimer(Interval);
        do
        {
            var now = state.Current;
            yield return new
            {
                ready = state.IsOpen,
                phase = ReadinessGate.Describe(now.Phase),
                now.Number,
                now.Total,
            };
        } while (!state.IsOpen && await timer.WaitForNextTickAsync(cancellationToken));
    }
}

/// <summary>What this service is, and where to go.</summary>
internal sealed record HomeResponse(
    string Name,
    string Version,
    string Description,
    bool Ready,
    HomeLinks Links,
    IReadOnlyList<ChallengeLink> Challenges
);

internal sealed record HomeLinks(
    string Console,
    string Swagger,
    string Documentation,
    string Openapi,
    string Ready,
    string Challenges
);

internal sealed record ChallengeLink(string Title, string CreatedBy, string Url);
