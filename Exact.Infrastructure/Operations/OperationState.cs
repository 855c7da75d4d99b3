namespace Exact.Infrastructure.Operations;

/// <summary>The states of an <see cref="Operation"/>; all but <see cref="Running"/> are final.</summary>
public enum OperationState
{
    Running,
    Succeeded,
    Failed,
    Cancelled,
}
