using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Exact.Api.Access;
using Exact.Api.Http;
using Exact.Api.Scores;
using Exact.Api.Transfers;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exact.Api.Legacy;

/// <summary>A score as the legacy client reads it.</summary>
/// <example>
/// {"id": 88, "username": "bob", "challenge_id": "tetris-saliency", "score": 0.71, "emd_score": 0.71, "emd_std": 0.04,
/// "ima_score": 0.52, "ima_std": 0.03, "method_name": "grad-cam", "created_at": "2026-12-03T14:21:05.123456Z",
/// "status": "completed", "error_message": null, "disqualified": false, "primary_score": 0.71}
/// </example>
internal sealed record LegacyScore : ScoreResponse
{
    [SetsRequiredMembers]
    public LegacyScore(ScoreResponse score)
        : base(score) { }

    /// <summary>The same as score.</summary>
    public double? PrimaryScore => Score;
}

/// <summary>Lists all scores of all challenges: the legacy client picks those that it shows.</summary>
internal static class LegacyScores
{
    public static void MapLegacyScores(this RouteGroupBuilder legacy) =>
        legacy
            .MapGet("/api/scores", List)
            .WithSummary("List all scores of all challenges that the caller may see")
            .Produces<IReadOnlyList<LegacyScore>>();

    private static PushStreamHttpResult List(
        ScoreService scores,
        TimeProvider time,
        HttpContext context,
        CancellationToken cancellationToken
    ) =>
        TypedResults.Stream(
            async body =>
            {
                if (context.IsHead())
                {
                    return;
                }

                var rows = scores.ReadAll(
                    context.User.Identity?.Name,
                    context.User.OwnerName(),
                    context.User.IsAdmin()
                );
                await using var paced = new PacedResponse(body, ExportResult.Patience, time);
                await JsonSerializer.SerializeAsync(
                    paced,
                    rows.Select(score => new LegacyScore(score)),
                    Json.Options,
                    cancellationToken
                );
            },
            "application/json"
        );
}
