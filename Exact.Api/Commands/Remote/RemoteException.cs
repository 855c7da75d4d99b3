using System.Text.Json;

namespace Exact.Api.Commands.Remote;

/// <summary>A service elsewhere did not do what it was asked for. The message says why, and what to do.</summary>
internal sealed class RemoteException(string message, int exitCode = ExitCode.Failed) : Exception(message)
{
    public int ExitCode => exitCode;

    /// <summary>The problem document of the answer; null if there was none.</summary>
    public JsonElement? Problem { get; init; }

    /// <summary>A member of the problem document, if it is a string.</summary>
    public string? this[string member] =>
        Problem is { ValueKind: JsonValueKind.Object } document
        && document.TryGetProperty(member, out var value)
        && value.ValueKind is JsonValueKind.String
            ? value.GetString()
            : null;
}
