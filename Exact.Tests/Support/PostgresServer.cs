namespace Exact.Tests.Support;

/// <summary>The PostgreSQL server of a test run: <c>EXACT_TEST_POSTGRES</c> names it, as a connection string of a superuser.</summary>
internal static class PostgresServer
{
    private static readonly Lazy<Task<string>> Started = new(StartAsync);

    /// <summary>The connection string of a superuser on the server's own database.</summary>
    public static Task<string> ConnectionStringAsync() => Started.Value;

    private static Task<string> StartAsync() =>
        Task.FromResult(
            Environment.GetEnvironmentVariable("EXACT_TEST_POSTGRES")
                ?? throw new InvalidOperationException("EXACT_TEST_POSTGRES is not set.")
        );
}
