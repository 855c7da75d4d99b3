using Exact.Api.Accounts;
using Exact.Domain;
using Exact.Infrastructure.Submissions;
using FluentValidation;

namespace Exact.Api.Submissions;

/// <summary>A worker asks for a submission.</summary>
/// <param name="Metrics">
/// What the worker measures: <c>emd</c>, <c>ima</c>; by default both. It gets only scores that lack one of them.
/// </param>
/// <param name="Wait">How many seconds to wait for a submission, from 0 to 30; by default 0.</param>
/// <param name="Worker">The name of the worker, for people who look for it.</param>
/// <example>{"metrics": ["emd"], "wait": 0, "worker": "gpu-1"}</example>
internal sealed record ClaimRequest(IReadOnlyList<Metric>? Metrics = null, int Wait = 0, string? Worker = null);

/// <summary>A worker still evaluates.</summary>
/// <param name="Lease">The lease of the claim.</param>
/// <example>{"lease": "3f2b8c1e-5d7a-4e0b-9c66-2a1d8f4b7e90"}</example>
internal sealed record HeartbeatRequest(Guid Lease);

/// <summary>The result of an evaluation, which ends with it. Name at least one score; one that is there already is kept.</summary>
/// <param name="Lease">The lease of the claim.</param>
/// <param name="EmdScore">The EMD score; higher is better.</param>
/// <param name="EmdStd">Its standard deviation.</param>
/// <param name="ImaScore">The IMA score; higher is better.</param>
/// <param name="ImaStd">Its standard deviation.</param>
/// <param name="Log">The output; its end is kept.</param>
/// <example>{"lease": "3f2b8c1e-5d7a-4e0b-9c66-2a1d8f4b7e90", "emd_score": 0.71, "emd_std": 0.04, "log": "EMD Mean: 0.71"}</example>
internal sealed record CompleteRequest(
    Guid Lease,
    double? EmdScore = null,
    double? EmdStd = null,
    double? ImaScore = null,
    double? ImaStd = null,
    string? Log = null
);

/// <summary>An evaluation has failed.</summary>
/// <param name="Lease">The lease of the claim.</param>
/// <param name="Error">What went wrong, for the participant.</param>
/// <param name="Infrastructure">Whether the method is not to blame. The submission is then tried again, three times in all.</param>
/// <param name="Log">The output; its end is kept.</param>
/// <example>{"lease": "3f2b8c1e-5d7a-4e0b-9c66-2a1d8f4b7e90", "error": "The method returned no array.", "log": "…"}</example>
internal sealed record FailRequest(Guid Lease, string Error, bool Infrastructure = false, string? Log = null);

/// <summary>A worker gives a submission back, for no fault of anybody: the attempt does not count.</summary>
/// <param name="Lease">The lease of the claim.</param>
/// <param name="Log">The output; its end is kept.</param>
/// <example>{"lease": "3f2b8c1e-5d7a-4e0b-9c66-2a1d8f4b7e90", "log": "The worker was told to stop."}</example>
internal sealed record ReleaseRequest(Guid Lease, string? Log = null);

/// <summary>How long a worker has a submission.</summary>
/// <example>{"lease_until": "2026-12-03T14:23:05.123456Z", "heartbeat_seconds": 40}</example>
internal sealed record LeaseResponse
{
    /// <summary>Until when, by the database's clock.</summary>
    public required DateTimeOffset LeaseUntil { get; init; }

    /// <summary>Send the next heartbeat after this many seconds.</summary>
    public required double HeartbeatSeconds { get; init; }
}

/// <summary>A submission to evaluate.</summary>
/// <example>
/// {"submission_id": 17, "lease": "3f2b8c1e-5d7a-4e0b-9c66-2a1d8f4b7e90", "lease_until": "2026-12-03T14:23:05.123456Z",
/// "heartbeat_seconds": 40, "attempt": 1, "metrics": ["emd", "ima"], "username": "bob", "method_name": "grad-cam",
/// "challenge": {"challenge_id": "tetris-saliency", "title": "Tetris saliency"},
/// "files": {"method": {"url": "/api/worker/submissions/17/files/method", "name": "grad_cam.py", "size": 2048,
/// "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
/// "dataset": null, "mlmodel": null, "xaimethod": null}}
/// </example>
internal sealed record ClaimResponse
{
    public required long SubmissionId { get; init; }

    /// <summary>The token that each later request must carry.</summary>
    public required Guid Lease { get; init; }

    /// <summary>Until when the worker has the submission, by the database's clock.</summary>
    public required DateTimeOffset LeaseUntil { get; init; }

    /// <summary>Send a heartbeat after this many seconds.</summary>
    public required double HeartbeatSeconds { get; init; }

    /// <summary>From 1.</summary>
    public required int Attempt { get; init; }

    /// <summary>What to measure: the metrics of the worker that the score lacks. Others keep their values.</summary>
    public required IReadOnlyList<Metric> Metrics { get; init; }

    public required string Username { get; init; }

    public required string? MethodName { get; init; }

    public required ClaimedChallenge Challenge { get; init; }

    public required ClaimedFiles Files { get; init; }
}

/// <summary>The challenge of a submission.</summary>
internal sealed record ClaimedChallenge(string ChallengeId, string Title);

/// <summary>What an evaluation needs.</summary>
/// <param name="Method">The participant's file.</param>
/// <param name="Dataset">The challenge's dataset; null if it has none.</param>
/// <param name="Mlmodel">The challenge's model; null if it has none.</param>
/// <param name="Xaimethod">The challenge's method template; null if it has none.</param>
internal sealed record ClaimedFiles(
    ClaimedFile Method,
    ClaimedFile? Dataset,
    ClaimedFile? Mlmodel,
    ClaimedFile? Xaimethod
);

/// <summary>A file to download with the worker's token.</summary>
/// <param name="Url">Its address, relative to the server's.</param>
/// <param name="Name">The name that its owner gave it.</param>
/// <param name="Size">Its length, in bytes; null if the file was copied from Django and not adopted.</param>
/// <param name="Sha256">Its SHA-256, as 64 hexadecimal digits; null likewise.</param>
internal sealed record ClaimedFile(string Url, string Name, long? Size, string? Sha256);

internal sealed class ClaimValidator : AbstractValidator<ClaimRequest>
{
    public const int MaxWait = 30;

    public ClaimValidator()
    {
        RuleFor(request => request.Metrics)
            .Must(metrics => metrics is null or { Count: > 0 and <= 2 })
            .WithMessage("Name emd, ima or both, or leave the field out.");
        RuleFor(request => request.Wait)
            .InclusiveBetween(0, MaxWait)
            .WithMessage("Must be a whole number of seconds from 0 to 30, not {PropertyValue}.");
        RuleFor(request => request.Worker).MaximumLength(200).OneLine();
    }
}

internal sealed class HeartbeatValidator : AbstractValidator<HeartbeatRequest>
{
    public HeartbeatValidator() => RuleFor(request => request.Lease).IsLease();
}

internal sealed class ReleaseValidator : AbstractValidator<ReleaseRequest>
{
    public ReleaseValidator() => RuleFor(request => request.Lease).IsLease();
}

internal sealed class CompleteValidator : AbstractValidator<CompleteRequest>
{
    public CompleteValidator()
    {
        RuleFor(request => request.Lease).IsLease();
        RuleFor(request => request.EmdScore)
            .Must((request, score) => score is not null || request.ImaScore is not null)
            .WithMessage("Name emd_score, ima_score or both. A measurement without a result is reported with fail.");
        RuleFor(request => request.EmdScore).Finite();
        RuleFor(request => request.ImaScore).Finite();
        RuleFor(request => request.EmdStd).Deviation(request => request.EmdScore);
        RuleFor(request => request.ImaStd).Deviation(request => request.ImaScore);
    }
}

internal sealed class FailValidator : AbstractValidator<FailRequest>
{
    public FailValidator()
    {
        RuleFor(request => request.Lease).IsLease();
        RuleFor(request => request.Error).NotEmpty().MaximumLength(LogText.MaxLength);
    }
}

internal static class LeaseRules
{
    public static void IsLease<T>(this IRuleBuilder<T, Guid> rule) =>
        rule.NotEmpty().WithMessage("The lease is missing. Send the one of the claim.");
}

internal static class NumberRules
{
    public static void Finite<T>(this IRuleBuilder<T, double?> rule) =>
        rule.Must(value => value is null || double.IsFinite(value.Value))
            .WithMessage("Must be a finite number. Report a result that is NaN or infinite with fail.");

    /// <summary>A standard deviation: finite, not negative, and of a score.</summary>
    public static void Deviation<T>(this IRuleBuilder<T, double?> rule, Func<T, double?> scoreOf) =>
        rule.Must(value => value is null or (>= 0 and <= double.MaxValue))
            .WithMessage("Must be a finite number that is not negative.")
            .Must((request, value) => value is null || scoreOf(request) is not null)
            .WithMessage("Must come with its score.");
}
