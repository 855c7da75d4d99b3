namespace Exact.Infrastructure.Operations;

/// <summary>An entry of the journal: a migration run, an import, an export or a backup.</summary>
public sealed class Operation
{
    public long Id { get; init; }

    public required OperationKind Kind { get; init; }

    /// <summary>Who asked for it: <c>startup</c>, <c>admin-key</c>, <c>command-line</c>, or a user name.</summary>
    public required string Actor { get; init; }

    /// <summary>The process that ran it, as <c>exact VERSION HOST</c>.</summary>
    public required string Origin { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public DateTimeOffset? FinishedAt { get; set; }

    public OperationState State { get; set; } = OperationState.Running;

    /// <summary>Its progress as a JSON object that depends on <see cref="Kind"/>; null if it succeeded.</summary>
    public string? Progress { get; set; }

    /// <summary>Its result as a JSON object: migrations and their durations, or counts per model.</summary>
    public string? Figures { get; set; }

    /// <summary>Why it failed or was cancelled, in one line.</summary>
    public string? Error { get; set; }

    /// <summary>Who cancelled it; it may still be ending.</summary>
    public string? CancelledBy { get; set; }
}
