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

/// <summary>What the journal keeps of a change to an account, or to a token that opens what is for staff.</summary>
/// <param name="Action">What was done: <c>create</c>, <c>create_token</c> or <c>revoke_token</c>.</param>
/// <param name="Username">The account.</param>
internal sealed record AccountChange(string Action, string Username)
{
    public bool? IsSuperuser { get; init; }

    public long? TokenId { get; init; }

    public IReadOnlyList<string>? Scopes { get; init; }
}

/// <summary>Keeps in the journal what organisers and staff change, in the transaction of the change.</summary>
internal sealed class ChangeJournal(ExactDbContext database, TimeProvider time)
{
    public Task AddAsync(ClaimsPrincipal user, Change change, CancellationToken cancellationToken) =>
        AddAsync(
            user.Identity!.Name!,
            change.ScoreId is null && change.Action is not "rerun_all" ? OperationKind.Challenge : OperationKind.Score,
            change,
            cancellationToken
        );

    public async Task AddAsync(string actor, OperationKind kind, object change, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        database.Operations.Add(
            new()
            {
                Kind = kind,
                Actor = actor,
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
