namespace Exact.Tests.Support;

/// <summary>A test that needs a service and a database of its own.</summary>
public abstract class ExactAppOfOneTest : IAsyncLifetime
{
    protected ExactApp App { get; } = new();

    /// <summary>A client that sends the admin key.</summary>
    protected HttpClient Admin { get; private set; } = null!;

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await App.InitializeAsync();
        Admin = App.CreateAdmin();
    }

    public async ValueTask DisposeAsync()
    {
        Admin.Dispose();
        await App.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
