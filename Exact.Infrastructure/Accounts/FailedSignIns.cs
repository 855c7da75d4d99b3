namespace Exact.Infrastructure.Accounts;

/// <summary>The failed sign-ins of one name from one network, which slow down guessing on all replicas.</summary>
public sealed class FailedSignIns
{
    /// <summary>A hash of the name and the network.</summary>
    public required string Key { get; init; }

    public int Count { get; set; }

    /// <summary>When the counting began.</summary>
    public DateTimeOffset Since { get; set; }
}
