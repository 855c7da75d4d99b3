namespace Exact.Infrastructure.Operations;

/// <summary>The operation was cancelled, on this replica or on another.</summary>
internal sealed class OperationCancelledException(long id, Exception? innerException = null)
    : OperationCanceledException($"Operation {id} was cancelled. Nothing was changed.", innerException);
