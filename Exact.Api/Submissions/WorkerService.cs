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

    /// <summary>The files of a claimed submission, with addresses below this path.</summary>
    public async Task<(ClaimedChallenge Challenge, ClaimedFiles Files)> DescribeAsync(
        Claim claim,
        string path,
        CancellationToken cancellationToken
    )
    {
        var found = await (
            from submission in database.Submissions
            where submission.Id == claim.SubmissionId
            join score in database.Scores on submission.ScoreId equals score.Id
            join challenge in database.Challenges on score.ChallengeId equals challenge.ChallengeId
            select new { submission, challenge }
        )
            .AsNoTracking()
            .SingleAsync(cancellationToken);
        var keys = new[] { found.challenge.Dataset, found.challenge.Mlmodel, found.challenge.Xaimethod };
        var stored = await database
            .StoredFiles.AsNoTracking()
            .Where(file => keys.Contains(file.Key))
            .ToDictionaryAsync(file => file.Key, cancellationToken);
        var method = found.submission;
        return (
            new(found.challenge.ChallengeId, found.challenge.Title),
            new(
                new($"{path}/method", method.OriginalName, method.Size, method.Sha256),
                Describe(found.challenge.Dataset, "dataset"),
                Describe(found.challenge.Mlmodel, "mlmodel"),
                Describe(found.challenge.Xaimethod, "xaimethod")
            )
        );

        ClaimedFile? Describe(string? key, string kind) =>
            string.IsNullOrEmpty(key) ? null
            : stored.TryGetValue(key, out var file) ? new($"{path}/{kind}", file.OriginalName, file.Size, file.Sha256)
            : new($"{path}/{kind}", Path.GetFileName(key), null, null);
    }
}
