namespace Exact.Infrastructure.Operations;

/// <summary>What an <see cref="Operation"/> does.</summary>
public enum OperationKind
{
    Migration,
    Import,
    Export,
}
