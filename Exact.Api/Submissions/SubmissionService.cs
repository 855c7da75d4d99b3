using Exact.Api.Http;
using Exact.Domain;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Files;
using Exact.Infrastructure.Submissions;
using Microsoft.EntityFrameworkCore;

namespace Exact.Api.Submissions;

/// <summary>Takes and shows submissions.</summary>
internal sealed class SubmissionService(
    ExactDbContext database,
    SubmissionIntake intake,
    SubmissionQueue queue,
    QueueTelemetry telemetry
)
{
    /// <summary>Whether a participant could submit a file of this length now; null if so.</summary>
    public async Task<Refusal?> CheckAsync(
        string challengeId,
        string username,
        long length,
        CancellationToken cancellationToken
    ) => (await intake.CheckAsync(challengeId, username, null, length, cancellationToken)).Refusal;

    /// <summary>Stores a file and puts it into the queue.</summary>
    /// <param name="challengeId">The challenge.</param>
    /// <param name="username">The participant.</param>
    /// <param name="sent">The file.</param>
    /// <param name="upload">Keeps the file.</param>
    /// <param name="end">Reads what follows the file, and returns the name of the method.</param>
    /// <param name="cancellationToken">Cancels the upload; nothing is kept.</param>
    /// <returns>The submission's number, or why it is refused.</returns>
    public async Task<(long Id, Refusal? Refusal)> SubmitAsync(
        string challengeId,
        string username,
        UploadedFile sent,
        FileUpload upload,
        Func<CancellationToken, Task<string>> end,
        CancellationToken cancellationToken
    )
    {
        using var span = QueueTelemetry.StartSubmission(challengeId);
        var (maxBytes, refusal) = await intake.CheckAsync(challengeId, username, sent.FileName, 0, cancellationToken);
        if (refusal is not null)
        {
            return (0, refusal);
        }

        StoredFile file;
        string methodName;
        try
        {
            file = await upload.ReceiveAsync(
                sent.Content,
                sent.FileName,
                sent.ContentType,
                username,
                maxBytes,
                cancellationToken
            );
            methodName = await end(cancellationToken);
        }
        catch (StoredFileTooLargeException)
        {
            return (0, new Refusal.TooLarge(maxBytes));
        }

        // The limits once more, for the body may have taken hours.
        var id = 0L;
        var isAccepted = await upload.SaveAsync(
            async () =>
            {
                (id, refusal) = await intake.EnqueueAsync(
                    new()
                    {
                        ChallengeId = challengeId,
                        Username = username,
                        MethodName = methodName,
                        File = file.Key,
                        Size = file.Size,
                        Sha256 = file.Sha256,
                        OriginalName = file.OriginalName,
                    },
                    cancellationToken
                );
                return refusal is null;
            },
            cancellationToken
        );
        if (isAccepted)
        {
            telemetry.Accepted(span, id);
        }

        return (id, refusal);
    }

    /// <summary>A page of a challenge's submissions, newest first.</summary>
    public async Task<Page<SubmissionResponse>> ListAsync(
        string challengeId,
        SubmissionQuery query,
        CancellationToken cancellationToken
    )
    {
        var scores = database.Scores.Where(score => score.ChallengeId == challengeId);
        if (query.Status is { Value: var status })
        {
            scores = scores.Where(score => score.Status == status);
        }

        if (query.Username is { } username)
        {
            scores = scores.Where(score => score.Username == username);
        }

        var all = database.Submissions.Where(submission => scores.Any(score => score.Id == submission.ScoreId));
        var page = query.After is [var last] ? all.Where(submission => submission.Id < last) : all;
        var rows = await Describe(page.OrderByDescending(submission => submission.Id).Take(query.Limit))
            .OrderByDescending(row => row.Id)
            .ToListAsync(cancellationToken);
        return await query.PageOfAsync(await AddPlacesAsync(rows, cancellationToken), all, cancellationToken);
    }

    /// <summary>A submission; null if there is none.</summary>
    public async Task<SubmissionResponse?> FindAsync(long id, CancellationToken cancellationToken)
    {
        var found = await Describe(database.Submissions.Where(one => one.Id == id)).ToListAsync(cancellationToken);
        return (await AddPlacesAsync(found, cancellationToken)).SingleOrDefault();
    }

    /// <summary>Adds what is only for its participant and the organiser.</summary>
    public async Task<SubmissionDetails> AddDetailsAsync(
        SubmissionResponse submission,
        CancellationToken cancellationToken
    ) =>
        new(submission)
        {
            Log = await database
                .Submissions.Where(one => one.Id == submission.Id)
                .Select(one => one.Log)
                .SingleOrDefaultAsync(cancellationToken),
            Allowance = await FindAllowanceAsync(submission.ChallengeId, submission.Username, cancellationToken),
        };

    /// <summary>What a participant may still submit to a challenge; null if there is no such challenge.</summary>
    public async Task<AllowanceResponse?> FindAllowanceAsync(
        string challengeId,
        string username,
        CancellationToken cancellationToken
    ) =>
        await ChallengeDoor.FindAsync(database, challengeId, username, cancellationToken) is { } door
            ? AllowanceResponse.From(door.GetAllowance())
            : null;

    /// <summary>The key of a submission's file.</summary>
    public Task<string> FindKeyAsync(long id, CancellationToken cancellationToken) =>
        database.Submissions.Where(one => one.Id == id).Select(one => one.File).SingleAsync(cancellationToken);

    /// <summary>The organiser of a challenge; null if there is no such challenge.</summary>
    public Task<string?> FindOrganiserAsync(string challengeId, CancellationToken cancellationToken) =>
        database
            .Challenges.Where(challenge => challenge.ChallengeId == challengeId)
            .Select(challenge => challenge.CreatedBy)
            .SingleOrDefaultAsync(cancellationToken);

    /// <summary>Adds their places in the queue to submissions of one challenge.</summary>
    private async Task<List<SubmissionResponse>> AddPlacesAsync(
        List<SubmissionResponse> rows,
        CancellationToken cancellationToken
    )
    {
        var pending = rows.Where(row => row.Status is ScoreStatus.Pending).ToList();
        if (pending is not [{ ChallengeId: var challenge }, ..])
        {
            return rows;
        }

        var places = await queue.FindPlacesAsync(challenge, [.. pending.Select(row => row.Id)], cancellationToken);
        return [.. rows.Select(row => places.TryGetValue(row.Id, out var place) ? row with { Place = place } : row)];
    }

    private IQueryable<SubmissionResponse> Describe(IQueryable<Submission> submissions) =>
        submissions.Join(
            database.Scores,
            submission => submission.ScoreId,
            score => score.Id,
            SubmissionResponse.From(database)
        );
}
