using Microsoft.EntityFrameworkCore;

namespace Exact.Infrastructure.Database;

internal static class ChallengeShare
{
    /// <summary>Keeps a challenge, if there is one, from being deleted until the transaction ends.</summary>
    /// <remarks>What is read afterwards is true: a deletion in the same moment is over, or waits.</remarks>
    public static Task KeepChallengeAsync(
        this ExactDbContext database,
        string challengeId,
        CancellationToken cancellationToken
    ) =>
        database.Database.ExecuteSqlAsync(
            $"SELECT FROM challenges WHERE challenge_id = {challengeId} FOR KEY SHARE",
            cancellationToken
        );
}
