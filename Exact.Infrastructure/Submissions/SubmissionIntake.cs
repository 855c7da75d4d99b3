using Exact.Domain;
using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Exact.Infrastructure.Submissions;

/// <summary>A file that a participant submits.</summary>
internal sealed record NewSubmission
{
    public required string ChallengeId { get; init; }

    public required string Username { get; init; }

    public required string MethodName { get; init; }

    /// <summary>The key of the stored file.</summary>
    public required string File { get; init; }

    public required long Size { get; init; }

    public required string Sha256 { get; init; }

    public required string OriginalName { get; init; }
}

/// <summary>Puts submissions into the queue, within the limits of the challenge.</summary>
internal sealed class SubmissionIntake(ExactDbContext database, IOptions<SubmissionOptions> options)
{
    /// <summary>Says how large a file may be, or why none would be accepted now.</summary>
    /// <param name="challengeId">The challenge.</param>
    /// <param name="username">The participant.</param>
    /// <param name="fileName">The name of the file; null if it is not known yet.</param>
    /// <param name="size">The file has at least this many bytes.</param>
    /// <param name="cancellationToken">Cancels the check.</param>
    public async Task<(long MaxBytes, Refusal? Refusal)> CheckAsync(
        string challengeId,
        string username,
        string? fileName,
        long size,
        CancellationToken cancellationToken
    ) =>
        await ChallengeDoor.FindAsync(database, challengeId, username, cancellationToken) is { } door
            ? (door.MaxBytesOf(options.Value), door.Judge(fileName, size, options.Value))
            : (0, new Refusal.NoChallenge());

    /// <summary>Puts a file into the queue, in the transaction of the caller.</summary>
    /// <returns>The submission's number, or why it is refused.</returns>
    public async Task<(long Id, Refusal? Refusal)> EnqueueAsync(
        NewSubmission submission,
        CancellationToken cancellationToken
    )
    {
        // One submission of a participant at a time, so that two at once do not both take the last place.
        await database.Database.ExecuteSqlAsync(
            $"SELECT pg_advisory_xact_lock(hashtextextended({submission.ChallengeId}, hashtextextended({submission.Username}, 0)))",
            cancellationToken
        );
        await database.KeepChallengeAsync(submission.ChallengeId, cancellationToken);
        var door = await ChallengeDoor.FindAsync(
            database,
            submission.ChallengeId,
            submission.Username,
            cancellationToken
        );
        Refusal? refusal = door is null
            ? new Refusal.NoChallenge()
            : door.Judge(submission.OriginalName, submission.Size, options.Value);
        if (refusal is not null)
        {
            return (0, refusal);
        }

        var score = new Score
        {
            ChallengeId = submission.ChallengeId,
            Username = submission.Username,
            MethodName = submission.MethodName,
            CreatedAt = door!.Now,
            Status = ScoreStatus.Pending,
        };
        database.Scores.Add(score);
        await database.SaveChangesAsync(cancellationToken);
        var queued = new Submission
        {
            ScoreId = score.Id,
            File = submission.File,
            Size = submission.Size,
            Sha256 = submission.Sha256,
            OriginalName = submission.OriginalName,
            QueuedAt = door.Now,
        };
        database.Submissions.Add(queued);
        await database.SaveChangesAsync(cancellationToken);
        return (queued.Id, null);
    }
}
