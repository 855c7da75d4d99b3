using Exact.Infrastructure.Database;
using Exact.Infrastructure.Submissions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Exact.Api.Submissions;

/// <summary>Serves workers, which wait for submissions and need their files.</summary>
internal sealed class WorkerService(
    SubmissionQueue queue,
    QueueWatch watch,
    ExactDbContext database,
    IOptions<SubmissionOptions> options,
    IHostApplicationLifetime host
)
{
    /// <summary>A worker sends a heartbeat this often.</summary>
    public double HeartbeatSeconds => options.Value.Lease.TotalSeconds / 3;

    /// <summary>Claims the next submission, and waits for one if need be; null if none came.</summary>
    public async Task<Claim?> ClaimAsync(ClaimRequest request, string worker, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(
            cancellationToken,
            host.ApplicationStopping
        );
        patience.CancelAfter(TimeSpan.FromSeconds(request.Wait));
        while (true)
        {
            // Not cancelled: a submission that is claimed belongs to the worker.
            var claim = await queue.ClaimAsync(worker, request.Metrics ?? [], CancellationToken.None);
            if (claim is not null && cancellationToken.IsCancellationRequested)
            {
                await queue.ReleaseAsync(claim.SubmissionId, claim.Lease, null, null, CancellationToken.None);
                return null; // the worker has gone
            }

            if (claim is not null || patience.IsCancellationRequested || request.Wait == 0)
            {
                return claim;
            }

            try
            {
                await watch.WaitAsync(patience.Token);
            }
            catch (OperationCanceledException) when (patience.IsCancellationRequested)
            {
                cancellationToken.ThrowIfCancellationRequested();
                return null;
            }
        }
    }

    /// <summary>The challenge and the files of a claimed submission.</summary>
    /// <param name="claim">The claim.</param>
    /// <param name="path">The files' addresses are below this path.</param>
    /// <param name="cancellationToken">Cancels the reading.</param>
    public async Task<(ClaimedChallenge Challenge, ClaimedFiles Files)> DescribeAsync(
        Claim claim,
        string path,
        CancellationToken cancellationToken
    )
    {
        var title = await database
            .Challenges.Where(challenge => challenge.ChallengeId == claim.ChallengeId)
            .Select(challenge => challenge.Title)
            .SingleAsync(cancellationToken);
        return (
            new(claim.ChallengeId, title),
            new(
                (await DescribeAsync("method"))!,
                await DescribeAsync("dataset"),
                await DescribeAsync("mlmodel"),
                await DescribeAsync("xaimethod")
            )
        );

        async Task<ClaimedFile?> DescribeAsync(string file) =>
            await FindFileAsync(claim.SubmissionId, file, cancellationToken) is { } found
                ? new($"{path}/{file}", found.Name, found.Size, found.Sha256)
                : null;
    }

    /// <summary>A file that the evaluation of a submission needs; null if there is none.</summary>
    public async Task<NeededFile?> FindFileAsync(long submissionId, string file, CancellationToken cancellationToken)
    {
        var submissions = database.Submissions.Where(submission => submission.Id == submissionId);
        if (file is "method")
        {
            return await submissions
                .Select(one => new NeededFile(one.File, one.OriginalName, one.Size, one.Sha256))
                .SingleOrDefaultAsync(cancellationToken);
        }

        var challenges =
            from submission in submissions
            join score in database.Scores on submission.ScoreId equals score.Id
            join challenge in database.Challenges on score.ChallengeId equals challenge.ChallengeId
            select challenge;
        var keys = file switch
        {
            "dataset" => challenges.Select(challenge => challenge.Dataset),
            "mlmodel" => challenges.Select(challenge => challenge.Mlmodel),
            "xaimethod" => challenges.Select(challenge => challenge.Xaimethod),
            _ => challenges.Select(_ => (string?)null),
        };
        if (await keys.SingleOrDefaultAsync(cancellationToken) is not { Length: > 0 } key)
        {
            return null;
        }

        // A file that was copied from Django has no row before it is adopted.
        var row = await database
            .StoredFiles.AsNoTracking()
            .SingleOrDefaultAsync(one => one.Key == key, cancellationToken);
        return new(key, row?.OriginalName ?? Path.GetFileName(key), row?.Size, row?.Sha256);
    }
}

/// <summary>A file in the store, and what is known of it.</summary>
internal sealed record NeededFile(string Key, string Name, long? Size, string? Sha256);
