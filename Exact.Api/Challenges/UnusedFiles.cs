using Exact.Domain;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Files;
using Microsoft.EntityFrameworkCore;

namespace Exact.Api.Challenges;

/// <summary>Removes files that no row names any more: first their rows, and after the commit the files.</summary>
internal sealed partial class UnusedFiles(ExactDbContext database, IFileStore store, ILogger<UnusedFiles> logger)
{
    /// <summary>Deletes the rows of these files in the current transaction, and leaves in the set only what may be deleted.</summary>
    public async Task ForgetAsync(HashSet<string> keys, CancellationToken cancellationToken)
    {
        var others = FileUse.In(database).Where(use => keys.Contains(use.Key)).Select(use => use.Key);
        keys.ExceptWith(await others.ToListAsync(cancellationToken)); // an import may share a file
        await database.StoredFiles.Where(file => keys.Contains(file.Key)).ExecuteDeleteAsync(cancellationToken);
    }

    /// <summary>Deletes the files. What is left over, <c>files check</c> finds.</summary>
    public async Task DeleteAsync(string challengeId, IEnumerable<string> keys)
    {
        foreach (var key in keys)
        {
            try
            {
                await store.DeleteAsync(key, CancellationToken.None);
            }
            catch (FileStoreException e)
            {
                LogNotDeleted(challengeId, e.Message);
                return;
            }
        }
    }

    [LoggerMessage(
        1501,
        LogLevel.Warning,
        "The challenge {ChallengeId} was changed or deleted, but not its old files: {Cause} Run \"files check --delete-orphans\""
    )]
    private partial void LogNotDeleted(string challengeId, string cause);
}

internal static class ChallengeLock
{
    /// <summary>The challenge, which nobody else changes until the transaction ends; null if there is none.</summary>
    public static async Task<Challenge?> LockChallengeAsync(
        this ExactDbContext database,
        string challengeId,
        CancellationToken cancellationToken
    ) =>
        (
            await database
                .Challenges.FromSql($"SELECT * FROM challenges WHERE challenge_id = {challengeId} FOR UPDATE")
                .ToListAsync(cancellationToken)
        ).SingleOrDefault();
}
