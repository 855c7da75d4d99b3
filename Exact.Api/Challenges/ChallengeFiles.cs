using Exact.Api.Files;
using Exact.Domain;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Files;
using Microsoft.EntityFrameworkCore;

namespace Exact.Api.Challenges;

/// <summary>Reads the files of challenges.</summary>
internal sealed class ChallengeFiles(ExactDbContext database, StoredFiles files)
{
    /// <summary>The file of this kind; null if the challenge has none.</summary>
    /// <exception cref="FileMissingException">The store does not have it as it was uploaded.</exception>
    public async Task<(StoredFile File, Stream Content)?> OpenAsync(
        string challengeId,
        string kind,
        CancellationToken cancellationToken
    )
    {
        var key = await KeysOf(challengeId, kind).SingleOrDefaultAsync(cancellationToken);
        return string.IsNullOrEmpty(key) ? null : await files.OpenAsync(key, cancellationToken);
    }

    /// <summary>Describes the files of a challenge.</summary>
    public async Task<IReadOnlyList<FileResponse>> DescribeAsync(
        ChallengeResponse challenge,
        CancellationToken cancellationToken
    )
    {
        var keys = new[] { challenge.Dataset, challenge.Mlmodel, challenge.Xaimethod };
        var rows = await database
            .StoredFiles.AsNoTracking()
            .Where(file => keys.Contains(file.Key))
            .ToDictionaryAsync(file => file.Key, cancellationToken);
        return
        [
            .. from place in keys.Zip(ChallengeForm.Files)
            where place.First is not null && rows.ContainsKey(place.First)
            let file = rows[place.First]
            select new FileResponse
            {
                Kind = place.Second,
                Name = file.OriginalName,
                ContentType = file.ContentType,
                Size = file.Size,
                Sha256 = file.Sha256,
                CreatedAt = file.CreatedAt,
            },
        ];
    }

    private IQueryable<string?> KeysOf(string challengeId, string kind)
    {
        var challenges = database.Challenges.Where(challenge => challenge.ChallengeId == challengeId);
        return kind switch
        {
            "dataset" => challenges.Select(challenge => challenge.Dataset),
            "mlmodel" => challenges.Select(challenge => challenge.Mlmodel),
            _ => challenges.Select(challenge => challenge.Xaimethod),
        };
    }
}
