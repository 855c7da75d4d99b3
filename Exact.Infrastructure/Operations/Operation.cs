namespace Exact.Infrastructure.Operations;

/// <summary>One line of the journal: a migration run, an import or an export, from its start to its end.</summary>
public sealed class Operation
{
    public long Id { get; init; }

    public required OperationKind Kind { get; init; }

    /// <summary>Who asked for it: <c>startup</c>, <c>admin-key</c>, <c>command-line</c>, or a user name.</summary>
    public required string Actor { get; init; }

    /// <summary>The process that did it, as <c>exact VERSION HOST</c>.</summary>
    public required string Origin { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public DateTimeOffset? FinishedAt { get; set; }

    public OperationState State { get; set; } = OperationState.Running;

    /// <summary>How far it is, or came, as a JSON object; its members depend on <see cref="Kind"/>. Null where it succeeded.</summary>
    public string? Progress { get; set; }

    /// <summary>What it did, as a JSON object: migrations and their durations, or counts per model.</summary>
    public string? Figures { get; set; }

    /// <summary>Why it did not succeed, in one line.</summary>
    public string? Error { get; set; }

    /// <summary>Who asked for its end while it ran; it is cancelled, or just about to be.</summary>
    public string? CancelledBy { get; set; }
}
