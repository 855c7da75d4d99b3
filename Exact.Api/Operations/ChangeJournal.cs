using System.Security.Claims;
using System.Text.Json;
using Exact.Infrastructure;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Operations;

namespace Exact.Api.Operations;

/// <summary>What the journal keeps of a change to a challenge or to a score.</summary>
/// <param name="Action">What was done, such as <c>disqualify</c> or <c>delete</c>.</param>
/// <param name="ChallengeId">The challenge.</param>
/// <param name="ScoreId">The score; null if the change is to the challenge, or to all its scores.</param>
/// <param name="Reason">The reason that was given.</param>
/// <param name="Before">What was changed, as it was; null if it is new.</param>
/// <param name="After">The same, as it is now; null if it is deleted.</param>
internal sealed record Change(
    string Action,
    string ChallengeId,
    long? ScoreId,
    string? Reason,
    object? Before,
    object? After
);

/// <summary>Keeps in the journal what organisers and staff change, in the transaction of the change.</summary>
internal sealed class ChangeJournal(ExactDbContext database, TimeProvider time)
{
    public async Task AddAsync(ClaimsPrincipal user, Change change, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        database.Operations.Add(
            new()
            {
                Kind =
                    change.ScoreId is null && change.Action is not "rerun_all"
                        ? OperationKind.Challenge
                        : OperationKind.Score,
                Actor = user.Identity!.Name!,
                Origin = Product.Origin,
                StartedAt = now,
                FinishedAt = now,
                State = OperationState.Succeeded,
                Figures = JsonSerializer.Serialize(change, Json.Options), // an imported score may be NaN
            }
        );
        await database.SaveChangesAsync(cancellationToken);
    }
}
