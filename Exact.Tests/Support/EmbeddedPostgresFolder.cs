using Exact.Infrastructure.Database;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Exact.Tests.Support;

/// <summary>A test of the embedded PostgreSQL, with a data folder, and so a server, of its own.</summary>
public abstract class EmbeddedPostgresFolder : IDisposable
{
    protected string Folder { get; } = Path.Combine(Path.GetTempPath(), $"exact-embedded-{Guid.NewGuid():N}");

    protected string Home => Path.Combine(Folder, "postgres");

    protected string Data => Path.Combine(Home, "data");

    protected static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        if (Directory.Exists(Folder))
        {
            Directory.Delete(Folder, recursive: true);
        }

        GC.SuppressFinalize(this);
    }

    private protected Task<EmbeddedPostgres> StartAsync() => StartAsync(Folder, Cancelled);

    private protected static Task<EmbeddedPostgres> StartAsync(string folder, CancellationToken cancellationToken) =>
        EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions { DataFolder = folder, Durable = false },
            NullLogger.Instance,
            cancellationToken
        );

    protected static async Task<object?> ScalarAsync(string connectionString, string sql)
    {
        var server = new NpgsqlConnectionStringBuilder(connectionString) { Database = "postgres", Pooling = false };
        await using var connection = new NpgsqlConnection(server.ConnectionString);
        await connection.OpenAsync(Cancelled);
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(Cancelled);
    }

    protected static async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(1, Cancelled);
        }
    }
}
