namespace Exact.Tests.Support;

/// <summary>An <see cref="ExactApp"/>, and a replica of it that is a process of its own.</summary>
public sealed class TwoReplicas : ExactApp, IAsyncLifetime
{
    internal ExactProcess Other { get; private set; } = null!;

    async ValueTask IAsyncLifetime.InitializeAsync()
    {
        await InitializeAsync();
        Other = ExactProcess.Serve(Database.ConnectionString);
        await Other.WaitUntilReadyAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        await Other.DisposeAsync();
        await base.DisposeAsync();
    }
}
