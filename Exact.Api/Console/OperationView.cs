using System.Text.Json;
using Exact.Api.Operations;
using Exact.Infrastructure.Operations;
using Exact.Infrastructure.Transfer.Importing;

namespace Exact.Api.AdminConsole;

/// <summary>What the pages show of an operation's progress and figures, which depend on its kind.</summary>
internal static class OperationView
{
    public static string ToneOf(OperationResponse operation) =>
        operation.State switch
        {
            OperationState.Running => "busy",
            OperationState.Succeeded => "good",
            OperationState.Failed => "bad",
            _ => "warn",
        };

    /// <summary>The outcome in a few words.</summary>
    public static string ResultOf(OperationResponse operation) =>
        operation switch
        {
            { CancelledBy: { } who } => $"cancelled by {who}",
            { Error: { } error } => error,
            { Kind: OperationKind.Import } when ReportOf(operation) is { } report => (report.DryRun ? "dry run: " : "")
                + Show.Count(report.Records, "record"),
            { Kind: OperationKind.Export, Figures: { } figures } when figures.TryGetProperty("bytes", out var bytes) =>
                Show.Bytes(bytes.GetInt64()),
            { Kind: OperationKind.Backup or OperationKind.Verification, Figures: { } figures }
                when figures.TryGetProperty("records", out var records) && records.ValueKind is JsonValueKind.Number =>
                $"verified: {Show.Count(records.GetInt64(), "record")}",
            { Kind: OperationKind.Migration, Figures: { } figures }
                when figures.TryGetProperty("migrations", out var applied) => Show.Count(
                applied.GetArrayLength(),
                "migration"
            ),
            _ => "",
        };

    /// <summary>The report of an import that succeeded.</summary>
    public static ImportReport? ReportOf(OperationResponse operation) =>
        operation is { Kind: OperationKind.Import, State: OperationState.Succeeded, Figures: { } figures }
            ? figures.Deserialize<ImportReport>(Json.Options)
            : null;

    /// <summary>How far a running import is.</summary>
    public static ImportProgress? ProgressOf(OperationResponse operation) =>
        operation is { Kind: OperationKind.Import, Progress: { } progress }
            ? progress.Deserialize<ImportProgress>(Json.Options)
            : null;
}
