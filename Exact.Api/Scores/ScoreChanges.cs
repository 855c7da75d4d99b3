using System.Security.Claims;
using Exact.Api.Access;
using Exact.Api.Operations;
using Exact.Domain;
using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;

namespace Exact.Api.Scores;

/// <summary>The answer to an organiser.</summary>
internal abstract record ScoreChange
{
    public sealed record Done(ScoreResponse Score) : ScoreChange;

    public sealed record Missing : ScoreChange;

    public sealed record NotYours : ScoreChange;

    /// <param name="Why">What has to be done first.</param>
    public sealed record Impossible(string Why) : ScoreChange;
}

/// <summary>
/// What organisers do to scores. Each change is journalled in its transaction, with the score before and after.
/// </summary>
internal sealed class ScoreChanges(ExactDbContext database, ChangeJournal journal, TimeProvider time)
{
    /// <summary>Enters a completed score by hand.</summary>
    public async Task<ScoreChange> EnterAsync(
        string challengeId,
        NewScoreRequest entered,
        ClaimsPrincipal user,
        CancellationToken cancellationToken
    )
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.KeepChallengeAsync(challengeId, cancellationToken);
        if (await FindOrganiserAsync(challengeId, cancellationToken) is not { } organiser)
        {
            return new ScoreChange.Missing();
        }

        if (!user.MayOrganise(organiser))
        {
            return new ScoreChange.NotYours();
        }

        var score = new Score
        {
            ChallengeId = challengeId,
            Username = entered.Username,
            EmdScore = entered.EmdScore,
            EmdStd = entered.EmdStd,
            ImaScore = entered.ImaScore,
            ImaStd = entered.ImaStd,
            MethodName = entered.MethodName,
            CreatedAt = time.GetUtcNow(),
        };
        database.Scores.Add(score);
        await database.SaveChangesAsync(cancellationToken);
        var after = await ReadAsync(score.Id, cancellationToken);
        await journal.AddAsync(
            user,
            new("enter", challengeId, score.Id, entered.Reason, null, after),
            cancellationToken
        );
        await transaction.CommitAsync(CancellationToken.None);
        return new ScoreChange.Done(after);
    }

    /// <summary>Corrects the values of a score that is not being evaluated.</summary>
    public Task<ScoreChange> CorrectAsync(
        long id,
        ScorePatch patch,
        ClaimsPrincipal user,
        CancellationToken cancellationToken
    ) =>
        ChangeAsync(
            id,
            "correct",
            patch.Reason,
            user,
            async score =>
            {
                if (score.Status is ScoreStatus.Pending or ScoreStatus.Running)
                {
                    return "The score is being evaluated. Wait for its result, and correct that.";
                }

                patch.ApplyTo(score);
                await database.SaveChangesAsync(cancellationToken);
                return null;
            },
            cancellationToken
        );

    /// <summary>Keeps a score, and takes it off the leaderboard.</summary>
    public Task<ScoreChange> DisqualifyAsync(
        long id,
        string reason,
        ClaimsPrincipal user,
        CancellationToken cancellationToken
    ) =>
        ChangeAsync(
            id,
            "disqualify",
            reason,
            user,
            async score =>
            {
                if (await database.Disqualifications.AnyAsync(one => one.ScoreId == id, cancellationToken))
                {
                    return "The score is already disqualified. Reinstate it first to give another reason.";
                }

                database.Disqualifications.Add(
                    new()
                    {
                        ScoreId = score.Id,
                        Reason = reason,
                        CreatedBy = user.Identity!.Name!,
                        CreatedAt = time.GetUtcNow(),
                    }
                );
                await database.SaveChangesAsync(cancellationToken);
                return null;
            },
            cancellationToken
        );

    /// <summary>Puts a disqualified score back on the leaderboard.</summary>
    public Task<ScoreChange> ReinstateAsync(
        long id,
        string reason,
        ClaimsPrincipal user,
        CancellationToken cancellationToken
    ) =>
        ChangeAsync(
            id,
            "reinstate",
            reason,
            user,
            async _ =>
                await database.Disqualifications.Where(one => one.ScoreId == id).ExecuteDeleteAsync(cancellationToken)
                == 1
                    ? null
                    : "The score is not disqualified. Nothing has to be done.",
            cancellationToken
        );

    /// <summary>Puts a submission back into the queue. A worker that has it loses it.</summary>
    public Task<ScoreChange> RerunAsync(
        long id,
        RerunRequest request,
        ClaimsPrincipal user,
        CancellationToken cancellationToken
    ) =>
        ChangeAsync(
            id,
            "rerun",
            request.Reason,
            user,
            async _ =>
                await RequeueAsync(id, null, request.Metrics, cancellationToken) == 1
                    ? null
                    : "The score has no file that could be evaluated. Correct its values instead.",
            cancellationToken
        );

    /// <summary>Puts all submissions of a challenge back into the queue.</summary>
    /// <returns>How many; null if there is no such challenge, and -1 if it is not the caller's.</returns>
    public async Task<int?> RerunAllAsync(
        string challengeId,
        RerunRequest request,
        ClaimsPrincipal user,
        CancellationToken cancellationToken
    )
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.KeepChallengeAsync(challengeId, cancellationToken);
        if (await FindOrganiserAsync(challengeId, cancellationToken) is not { } organiser)
        {
            return null;
        }

        if (!user.MayOrganise(organiser))
        {
            return -1;
        }

        var number = await RequeueAsync(null, challengeId, request.Metrics, cancellationToken);
        await journal.AddAsync(
            user,
            new("rerun_all", challengeId, null, request.Reason, null, new RerunResponse(number)),
            cancellationToken
        );
        await transaction.CommitAsync(CancellationToken.None);
        return number;
    }

    private async Task<ScoreChange> ChangeAsync(
        long id,
        string action,
        string? reason,
        ClaimsPrincipal user,
        Func<Score, Task<string?>> change,
        CancellationToken cancellationToken
    )
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        var score = (
            await database
                .Scores.FromSql($"SELECT * FROM scores WHERE id = {id} FOR UPDATE")
                .ToListAsync(cancellationToken)
        ).SingleOrDefault();
        if (score is null)
        {
            return new ScoreChange.Missing();
        }

        if (!user.MayOrganise(await FindOrganiserAsync(score.ChallengeId, cancellationToken) ?? ""))
        {
            return new ScoreChange.NotYours();
        }

        var before = await ReadAsync(id, cancellationToken);
        if (await change(score) is { } why)
        {
            return new ScoreChange.Impossible(why);
        }

        var after = await ReadAsync(id, cancellationToken);
        await journal.AddAsync(user, new(action, score.ChallengeId, id, reason, before, after), cancellationToken);
        await transaction.CommitAsync(CancellationToken.None);
        return new ScoreChange.Done(after);
    }

    /// <param name="id">The score; null for all of the challenge.</param>
    /// <param name="challengeId">The challenge; null for one score.</param>
    /// <param name="metrics">What to measure again; null for everything.</param>
    /// <param name="cancellationToken">Cancels the change.</param>
    private Task<int> RequeueAsync(
        long? id,
        string? challengeId,
        IReadOnlyList<Metric>? metrics,
        CancellationToken cancellationToken
    )
    {
        var (emd, ima) = (metrics?.Contains(Metric.Emd) ?? true, metrics?.Contains(Metric.Ima) ?? true);
        return database.Database.ExecuteSqlAsync(
            $"""
            WITH queued AS (
                UPDATE scores s
                SET status = 'pending', error_message = NULL,
                    score = CASE WHEN {emd} THEN NULL ELSE score END,
                    emd_score = CASE WHEN {emd} THEN NULL ELSE emd_score END,
                    emd_std = CASE WHEN {emd} THEN NULL ELSE emd_std END,
                    ima_score = CASE WHEN {ima} THEN NULL ELSE ima_score END,
                    ima_std = CASE WHEN {ima} THEN NULL ELSE ima_std END
                FROM submissions b
                WHERE b.score_id = s.id AND (s.id = {id} OR s.challenge_id = {challengeId})
                RETURNING s.id
            )
            UPDATE submissions b
            SET queued_at = now(), attempts = 0, started_at = NULL, finished_at = NULL, log = NULL,
                lease = NULL, lease_until = NULL, worker = NULL
            FROM queued WHERE b.score_id = queued.id
            """,
            cancellationToken
        );
    }

    private Task<string?> FindOrganiserAsync(string challengeId, CancellationToken cancellationToken) =>
        database
            .Challenges.Where(challenge => challenge.ChallengeId == challengeId)
            .Select(challenge => challenge.CreatedBy)
            .SingleOrDefaultAsync(cancellationToken);

    private Task<ScoreResponse> ReadAsync(long id, CancellationToken cancellationToken) =>
        database
            .Scores.Where(score => score.Id == id)
            .Select(ScoreResponse.From(database, reader: null, isAdmin: true))
            .SingleAsync(cancellationToken);
}
