namespace Exact.Infrastructure.Operations;

/// <summary>Where an <see cref="Operation"/> stands; all but <see cref="Running"/> are final.</summary>
public enum OperationState
{
    Running,
    Succeeded,
    Failed,
    Cancelled,
}
