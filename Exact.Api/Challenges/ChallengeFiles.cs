using Exact.Domain;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Files;
using Microsoft.EntityFrameworkCore;

namespace Exact.Api.Challenges;

/// <summary>Reads the files of challenges.</summary>
internal sealed class ChallengeFiles(ExactDbContext database, IFileStore store)
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
        if (string.IsNullOrEmpty(key))
        {
            return null;
        }

        var file = await database
            .StoredFiles.AsNoTracking()
            .SingleOrDefaultAsync(one => one.Key == key, cancellationToken);
        // A file of another length would break the answer off in the middle.
        return file is not null && await store.FindSizeAsync(key, cancellationToken) == file.Size
            ? (file, new StoredFileStream(store, key, file.Size))
            : throw new FileMissingException(key);
    }

    /// <summary>Describes the files of a challenge.</summary>
    public async Task<IReadOnlyList<FileResponse>> DescribeAsync(
        ChallengeResponse challenge,
        CancellationToken cancellationToken
    )
    {
        var keys = new[] { challenge.Dataset, challenge.Mlmodel, challenge.Xaimethod };
        var files = await database
            .StoredFiles.AsNoTracking()
            .Where(file => keys.Contains(file.Key))
            .ToDictionaryAsync(file => file.Key, cancellationToken);
        return
        [
            .. from place in keys.Zip(ChallengeForm.Files)
            where place.First is not null && files.ContainsKey(place.First)
            let file = files[place.First]
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
