using Exact.Domain;

namespace Exact.Infrastructure.Submissions;

/// <summary>A submission that a worker has begun to evaluate.</summary>
internal sealed record Claim
{
    public required long SubmissionId { get; init; }

    public required long ScoreId { get; init; }

    public required Guid Lease { get; init; }

    public required DateTimeOffset LeaseUntil { get; init; }

    /// <summary>From 1.</summary>
    public required int Attempt { get; init; }

    /// <summary>What the worker shall measure.</summary>
    public required IReadOnlyList<Metric> Metrics { get; init; }

    public required string ChallengeId { get; init; }

    public required string Username { get; init; }

    public required string? MethodName { get; init; }
}

/// <summary>What an evaluation measured. A metric without a score was not measured.</summary>
internal sealed record Measurement(double? EmdScore, double? EmdStd, double? ImaScore, double? ImaStd);

/// <summary>The answer to a worker's write.</summary>
internal enum LeaseAnswer
{
    Done,

    /// <summary>The worker no longer has the submission.</summary>
    Stale,

    /// <summary>There is no such submission.</summary>
    Missing,
}
