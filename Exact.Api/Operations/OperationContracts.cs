using System.Text.Json;
using Exact.Infrastructure.Operations;

namespace Exact.Api.Operations;

/// <summary>An entry of the journal: a migration run, an import, an export, a backup, or a change by an organiser.</summary>
/// <example>
/// {"id": 5, "kind": "import", "actor": "admin-key", "origin": "exact 0.1.0 host-1", "state": "succeeded",
/// "started_at": "2026-12-03T14:21:05.123456Z", "finished_at": "2026-12-03T14:21:09.5Z", "progress": null,
/// "figures": {"records": 1204}, "error": null, "cancelled_by": null}
/// </example>
internal sealed record OperationResponse
{
    public required long Id { get; init; }

    public required OperationKind Kind { get; init; }

    /// <summary>Who asked for it: <c>startup</c>, <c>admin-key</c>, <c>command-line</c>, or a user name.</summary>
    public required string Actor { get; init; }

    /// <summary>The process that runs it, as <c>exact VERSION HOST</c>.</summary>
    public required string Origin { get; init; }

    /// <summary>The state. All but <c>running</c> are final. If the process died, the operation failed and changed nothing.</summary>
    public required OperationState State { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public required DateTimeOffset? FinishedAt { get; init; }

    /// <summary>The progress. An import counts bytes and records, in total and per model; an export counts bytes.</summary>
    public required JsonElement? Progress { get; init; }

    /// <summary>The result: migrations, or counts per model. A refused import has its first errors here.</summary>
    public required JsonElement? Figures { get; init; }

    /// <summary>Why it did not succeed, in one line.</summary>
    public required string? Error { get; init; }

    /// <summary>Who cancelled it.</summary>
    public required string? CancelledBy { get; init; }

    public static OperationResponse From(Operation operation) =>
        new()
        {
            Id = operation.Id,
            Kind = operation.Kind,
            Actor = operation.Actor,
            Origin = operation.Origin,
            State = operation.State,
            StartedAt = operation.StartedAt,
            FinishedAt = operation.FinishedAt,
            Progress = Parse(operation.Progress),
            Figures = Parse(operation.Figures),
            Error = operation.Error,
            CancelledBy = operation.CancelledBy,
        };

    private static JsonElement? Parse(string? json) => json is null ? null : JsonElement.Parse(json);
}
