using System.Text.Json;
using Exact.Infrastructure.Operations;

namespace Exact.Api.Admin;

/// <summary>A line of the journal: a migration run, an import or an export.</summary>
/// <param name="Actor">Who asked for it: <c>startup</c>, <c>admin-key</c>, <c>command-line</c>, or a user name.</param>
/// <param name="Origin">The process that does it, as <c>exact VERSION HOST</c>.</param>
/// <param name="State">All but <c>running</c> are final. A process that died has failed, and has changed nothing.</param>
/// <param name="Progress">How far it is, or came: for an import its phase, bytes, records, and counts per model; for an export its bytes.</param>
/// <param name="Figures">What it did: migrations, counts per model; for a refused import its first errors.</param>
/// <param name="Error">Why it did not succeed, in one line.</param>
/// <param name="CancelledBy">Who asked for its end.</param>
internal sealed record OperationResponse(
    long Id,
    OperationKind Kind,
    string Actor,
    string Origin,
    OperationState State,
    DateTimeOffset StartedAt,
    DateTimeOffset? FinishedAt,
    JsonElement? Progress,
    JsonElement? Figures,
    string? Error,
    string? CancelledBy
)
{
    public static OperationResponse From(Operation operation) =>
        new(
            operation.Id,
            operation.Kind,
            operation.Actor,
            operation.Origin,
            operation.State,
            operation.StartedAt,
            operation.FinishedAt,
            Parse(operation.Progress),
            Parse(operation.Figures),
            operation.Error,
            operation.CancelledBy
        );

    private static JsonElement? Parse(string? json) => json is null ? null : JsonElement.Parse(json);
}
