using Exact.Domain;
using Exact.Infrastructure.Database;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Exact.Infrastructure.Submissions;

/// <summary>
/// Hands submissions to workers and takes their results. The score is the job (docs/decisions/the-score-is-the-job.md).
/// </summary>
internal sealed partial class SubmissionQueue(
    NpgsqlDataSource database,
    QueueTelemetry telemetry,
    IOptions<SubmissionOptions> options,
    ILogger<SubmissionQueue> logger
)
{
    /// <summary>The end of an evaluation that was lost too often.</summary>
    internal const string GivenUp =
        "The evaluation did not end, for reasons that are not the method's. The organiser can run it again.";

    private SubmissionOptions Options => options.Value;

    /// <summary>Gives a worker the next submission; null if none waits.</summary>
    /// <param name="worker">The name of the worker.</param>
    /// <param name="metrics">Only submissions whose score lacks one of these metrics; empty for all.</param>
    /// <param name="cancellationToken">Cancels the claim.</param>
    public async Task<Claim?> ClaimAsync(
        string worker,
        IReadOnlyCollection<Metric> metrics,
        CancellationToken cancellationToken
    )
    {
        await GiveUpAsync(cancellationToken);
        return await database.TryTwiceAsync(async () =>
        {
            await using var command = database.CreateShortCommand(RowSecurity.Off + QueueSql.Claim);
            command.Parameters.AddWithValue("worker", worker);
            command.Parameters.AddWithValue("emd", metrics.Count == 0 || metrics.Contains(Metric.Emd));
            command.Parameters.AddWithValue("ima", metrics.Count == 0 || metrics.Contains(Metric.Ima));
            command.Parameters.AddWithValue("lease", Options.Lease);
            command.Parameters.AddWithValue("max", Options.MaxAttempts);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            if (!await reader.ReadAsync(cancellationToken))
            {
                return null;
            }

            var claim = new Claim
            {
                SubmissionId = reader.GetInt64(0),
                ScoreId = reader.GetInt64(1),
                Lease = reader.GetGuid(2),
                LeaseUntil = reader.GetFieldValue<DateTimeOffset>(3),
                Attempt = reader.GetInt32(4),
                ChallengeId = reader.GetString(5),
                Username = reader.GetString(6),
                MethodName = await reader.IsDBNullAsync(7, cancellationToken) ? null : reader.GetString(7),
                Metrics =
                [
                    .. reader.GetBoolean(8) ? [Metric.Emd] : Array.Empty<Metric>(),
                    .. reader.GetBoolean(9) ? [Metric.Ima] : Array.Empty<Metric>(),
                ],
            };
            telemetry.Claimed(
                waited: claim.Attempt == 1 ? reader.GetFieldValue<TimeSpan>(11) : null,
                isLost: reader.GetBoolean(10)
            );
            return claim;
        });
    }

    /// <summary>Prolongs a lease. One that has ended is prolonged, too, as long as no other worker has the submission.</summary>
    public async Task<(LeaseAnswer Answer, DateTimeOffset Until)> HeartbeatAsync(
        long id,
        Guid lease,
        CancellationToken cancellationToken
    )
    {
        var until = await ScalarAsync(
            QueueSql.Heartbeat,
            cancellationToken,
            Held(id, lease, ("period", Options.Lease))
        );
        return until is DateTime time
            ? (LeaseAnswer.Done, new DateTimeOffset(time, TimeSpan.Zero))
            : (await RefuseAsync(id, cancellationToken), default);
    }

    /// <summary>Stores the result. To store the same again under the same lease changes nothing.</summary>
    public async Task<LeaseAnswer> CompleteAsync(
        long id,
        Guid lease,
        Measurement result,
        string? log,
        CancellationToken cancellationToken
    ) =>
        await WriteAsync(
            QueueSql.Complete,
            EvaluationOutcome.Completed,
            id,
            lease,
            cancellationToken,
            ("emd_score", result.EmdScore),
            ("emd_std", result.EmdStd),
            ("ima_score", result.ImaScore),
            ("ima_std", result.ImaStd),
            ("log", LogText.EndOf(log))
        );

    /// <summary>Ends the evaluation, because the participant's method failed. It counts against the limits.</summary>
    public async Task<LeaseAnswer> FailAsync(
        long id,
        Guid lease,
        string error,
        string? log,
        CancellationToken cancellationToken
    ) =>
        await WriteAsync(
            QueueSql.Fail,
            EvaluationOutcome.Failed,
            id,
            lease,
            cancellationToken,
            ("error", LogText.Clean(error)),
            ("log", LogText.EndOf(log))
        );

    /// <summary>Gives a submission back to the queue; after too many attempts it fails.</summary>
    /// <param name="id">The submission.</param>
    /// <param name="lease">The token that the worker sent.</param>
    /// <param name="error">Why the worker could not go on; null if it only stops, which takes the attempt back.</param>
    /// <param name="log">The output.</param>
    /// <param name="cancellationToken">Cancels the write.</param>
    public async Task<LeaseAnswer> ReleaseAsync(
        long id,
        Guid lease,
        string? error,
        string? log,
        CancellationToken cancellationToken
    ) =>
        await WriteAsync(
            QueueSql.Release,
            EvaluationOutcome.GivenUp,
            id,
            lease,
            cancellationToken,
            ("max", Options.MaxAttempts),
            ("returned", error is null ? 1 : 0),
            ("error", error is null ? GivenUp : $"{GivenUp} {LogText.Clean(error)}"),
            ("log", LogText.EndOf(log))
        );

    /// <summary>The places, from 1, of those of these submissions to a challenge that are pending.</summary>
    public async Task<Dictionary<long, int>> FindPlacesAsync(
        string challengeId,
        IReadOnlyList<long> ids,
        CancellationToken cancellationToken
    )
    {
        await using var command = database.CreateShortCommand(RowSecurity.Off + QueueSql.Places);
        command.Parameters.AddWithValue("challenge_id", challengeId);
        command.Parameters.AddWithValue("ids", ids.ToArray());
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var places = new Dictionary<long, int>();
        while (await reader.ReadAsync(cancellationToken))
        {
            places.Add(reader.GetInt64(0), (int)reader.GetInt64(1));
        }

        return places;
    }

    /// <summary>Whether a worker could get a submission.</summary>
    public async Task<bool> HasWorkAsync(CancellationToken cancellationToken) =>
        await ScalarAsync(QueueSql.HasWork, cancellationToken) is true;

    /// <summary>Counts what is in the queue, for the metrics.</summary>
    public async Task MeasureAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateShortCommand(RowSecurity.Off + QueueSql.Length);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        telemetry.Measured(new(reader.GetInt64(0), reader.GetInt64(1), reader.GetFieldValue<TimeSpan>(2)));
    }

    /// <summary>Ends the evaluations that were lost too often.</summary>
    private async Task GiveUpAsync(CancellationToken cancellationToken)
    {
        var lost = (long)
            (await ScalarAsync(QueueSql.GiveUp, cancellationToken, ("max", Options.MaxAttempts), ("error", GivenUp)))!;
        if (lost > 0)
        {
            telemetry.GivenUp(lost);
            LogGivenUp(lost, Options.MaxAttempts);
        }
    }

    /// <param name="sql">
    /// A statement that returns a row if it changed the submission, or found the change made, with whether the evaluation
    /// has ended by it.
    /// </param>
    /// <param name="outcome">How it has then ended.</param>
    /// <param name="id">The submission.</param>
    /// <param name="lease">The token that the worker sent.</param>
    /// <param name="cancellationToken">Cancels the write.</param>
    /// <param name="parameters">The others.</param>
    private async Task<LeaseAnswer> WriteAsync(
        string sql,
        EvaluationOutcome outcome,
        long id,
        Guid lease,
        CancellationToken cancellationToken,
        params (string Name, object? Value)[] parameters
    )
    {
        using var span = QueueTelemetry.StartReport(id);
        if (await ScalarAsync(sql, cancellationToken, Held(id, lease, parameters)) is not bool hasEnded)
        {
            return await RefuseAsync(id, cancellationToken);
        }

        telemetry.Reported(span, hasEnded ? outcome : null);
        return LeaseAnswer.Done;
    }

    private async Task<LeaseAnswer> RefuseAsync(long id, CancellationToken cancellationToken)
    {
        telemetry.Refused();
        return await ScalarAsync("SELECT 1 FROM submissions WHERE id = @id", cancellationToken, ("id", id)) is null
            ? LeaseAnswer.Missing
            : LeaseAnswer.Stale;
    }

    private static (string Name, object? Value)[] Held(
        long id,
        Guid lease,
        params (string Name, object? Value)[] others
    ) => [("id", id), ("lease", lease), .. others];

    private Task<object?> ScalarAsync(
        string sql,
        CancellationToken cancellationToken,
        params (string Name, object? Value)[] parameters
    ) =>
        database.TryTwiceAsync(async () =>
        {
            await using var command = database.CreateShortCommand(RowSecurity.Off + sql);
            foreach (var (name, value) in parameters)
            {
                command.Parameters.AddWithValue(name, value ?? DBNull.Value);
            }

            return await command.ExecuteScalarAsync(cancellationToken);
        });

    [LoggerMessage(
        2401,
        LogLevel.Error,
        "The evaluation of {Count} submissions was lost {Attempts} times, so they failed. Look for the cause at the workers, then run them again"
    )]
    private partial void LogGivenUp(long count, int attempts);
}
