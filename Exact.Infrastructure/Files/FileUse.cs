using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;

namespace Exact.Infrastructure.Files;

/// <summary>A file that a challenge or a submission names.</summary>
internal sealed record FileUse(
    string Key,
    string What,
    string Owner,
    string? ChallengeId,
    DateTimeOffset CreatedAt,
    string CreatedBy
)
{
    /// <summary>The longest key that the columns hold.</summary>
    public const int MaxKey = 100;

    /// <summary>The folders in Django's newer layout of the media.</summary>
    private static readonly Dictionary<string, string> DjangoFolders = new()
    {
        ["dataset"] = "dataset",
        ["mlmodel"] = "model",
        ["xaimethod"] = "xai",
    };

    public static IQueryable<FileUse> In(ExactDbContext database) =>
        database.Database.SqlQuery<FileUse>(
            $"""
            SELECT file.key, file.what, c.challenge_id AS owner, c.challenge_id, c.created_at, c.created_by
            FROM challenges c
            CROSS JOIN LATERAL (
                VALUES (c.dataset, 'dataset'), (c.mlmodel, 'mlmodel'), (c.xaimethod, 'xaimethod')
            ) file (key, what)
            WHERE file.key <> ''
            UNION ALL
            SELECT s.file, 'submission', score.id::text, NULL, s.queued_at, score.username
            FROM submissions s
            JOIN scores score ON score.id = s.score_id
            """
        );

    /// <summary>Where Django's other layout has the same file.</summary>
    public IEnumerable<string> OtherPlaces()
    {
        if (ChallengeId is null)
        {
            return [];
        }

        var name = Key[(Key.LastIndexOf('/') + 1)..];
        return [$"challenges/{ChallengeId}/{DjangoFolders[What]}/{name}", $"{ChallengeId}/{name}"];
    }

    /// <summary>Makes the challenge name the file where it is.</summary>
    public async Task MoveAsync(ExactDbContext database, string key, CancellationToken cancellationToken)
    {
        var challenges = database.Challenges.Where(challenge => challenge.ChallengeId == ChallengeId);
        _ =
            key == Key ? 0
            : What is "dataset"
                ? await challenges.ExecuteUpdateAsync(set => set.SetProperty(c => c.Dataset, key), cancellationToken)
            : What is "mlmodel"
                ? await challenges.ExecuteUpdateAsync(set => set.SetProperty(c => c.Mlmodel, key), cancellationToken)
            : await challenges.ExecuteUpdateAsync(set => set.SetProperty(c => c.Xaimethod, key), cancellationToken);
    }

    public override string ToString() =>
        What is "submission" ? $"the file of submission {Owner}" : $"the {What} of challenge \"{Owner}\"";
}
