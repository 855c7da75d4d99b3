using Exact.Api.Submissions;

namespace Exact.Api.Worker;

/// <summary>Evaluates one submission after another until it is told to stop.</summary>
internal sealed partial class WorkerLoop(WorkerSettings worker, WorkerClient server, ILogger logger)
{
    /// <summary>How long a worker that was told to stop tries to report.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(10);

    /// <exception cref="OperationCanceledException">The worker was told to stop, and holds no submission.</exception>
    public async Task RunAsync(CancellationToken stop)
    {
        LogWaiting(worker.Name, string.Join(", ", worker.Commands.Select(command => command.Name)));
        while (true)
        {
            if (await server.ClaimAsync(worker, stop) is { } claim)
            {
                await WorkAsync(claim, stop);
            }
        }
    }

    private async Task WorkAsync(ClaimResponse claim, CancellationToken stop)
    {
        LogBegun(claim.SubmissionId, claim.Challenge.ChallengeId, claim.Username, claim.Attempt);
        using var held = CancellationTokenSource.CreateLinkedTokenSource(stop);
        using var reported = new CancellationTokenSource();
        var heartbeats = BeatAsync(claim, held, reported.Token);
        try
        {
            var outcome = await EvaluateAsync(claim, held.Token);
            using var patience = new CancellationTokenSource();
            await using var hurry = stop.Register(() => patience.CancelAfter(Farewell));
            await server.ReportAsync(claim, outcome.Route, outcome.Report, patience.Token);
            LogEnded(claim.SubmissionId, outcome.Route);
        }
        catch (LeaseLostException)
        {
            LogLost(claim.SubmissionId);
        }
        finally
        {
            await reported.CancelAsync();
            await heartbeats;
        }

        stop.ThrowIfCancellationRequested();
    }

    /// <summary>The outcome; if the worker is told to stop, to give the submission back.</summary>
    private async Task<Outcome> EvaluateAsync(ClaimResponse claim, CancellationToken held)
    {
        var scratch = Path.Combine(worker.Folder, $"exact-work-{claim.Lease:N}");
        try
        {
            Directory.CreateDirectory(scratch);
            return await new Evaluation(claim, worker, server).RunAsync(scratch, held);
        }
        catch (OperationCanceledException) when (held.IsCancellationRequested)
        {
            return new("release", new ReleaseRequest(claim.Lease)); // refused if the lease was lost
        }
        finally
        {
            TryDelete(scratch);
        }
    }

    private async Task BeatAsync(ClaimResponse claim, CancellationTokenSource held, CancellationToken reported)
    {
        try
        {
            while (true)
            {
                await Task.Delay(TimeSpan.FromSeconds(claim.HeartbeatSeconds), reported);
                await server.ReportAsync(claim, "heartbeat", new HeartbeatRequest(claim.Lease), reported);
            }
        }
        catch (LeaseLostException)
        {
            await held.CancelAsync();
        }
        catch (OperationCanceledException)
        {
            // the evaluation has ended
        }
    }

    private void TryDelete(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogFolderLeft(folder, e.Message);
        }
    }

    [LoggerMessage(1602, LogLevel.Information, "The worker {Name} measures {Metrics} and waits for submissions")]
    private partial void LogWaiting(string name, string metrics);

    [LoggerMessage(
        1603,
        LogLevel.Information,
        "Evaluates submission {Submission} to {Challenge} by {Username}, attempt {Attempt}"
    )]
    private partial void LogBegun(long submission, string challenge, string username, int attempt);

    [LoggerMessage(1604, LogLevel.Information, "Submission {Submission}: {Outcome}")]
    private partial void LogEnded(long submission, string outcome);

    [LoggerMessage(1605, LogLevel.Warning, "Submission {Submission} was taken away; its evaluation was stopped")]
    private partial void LogLost(long submission);

    [LoggerMessage(1606, LogLevel.Warning, "The folder {Folder} could not be deleted: {Cause}")]
    private partial void LogFolderLeft(string folder, string cause);
}
