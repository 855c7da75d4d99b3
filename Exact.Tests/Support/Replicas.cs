using Npgsql;

namespace Exact.Tests.Support;

/// <summary>Several replicas of the real program on one database, and what a test asks of their database.</summary>
internal sealed class Replicas : IAsyncDisposable
{
    private readonly List<ExactProcess> all = [];

    public IReadOnlyList<ExactProcess> All => all;

    public static Replicas Start(int count, string connectionString, IReadOnlyDictionary<string, string> settings)
    {
        var replicas = new Replicas();
        replicas.all.AddRange(Enumerable.Range(0, count).Select(_ => ExactProcess.Serve(connectionString, settings)));
        return replicas;
    }

    public Task WaitUntilReadyAsync(TimeSpan? patience = null) =>
        Task.WhenAll(all.Where(one => !one.HasExited).Select(one => one.WaitUntilReadyAsync(patience)));

    public async ValueTask DisposeAsync() => await Task.WhenAll(all.Select(one => one.DisposeAsync().AsTask()));

    /// <summary>How often each migration of the ledger was applied, as <c>1:1 2:1</c>.</summary>
    public static Task<string?> LedgerAsync(TestDatabase database) =>
        database.ScalarAsync<string>(
            """
            SELECT string_agg(migration || ':' || times, ' ' ORDER BY migration)
            FROM (SELECT migration, count(*) AS times FROM ledger GROUP BY migration) counted
            """
        );

    /// <summary>Waits until a session holds the migration lock, and returns its process id.</summary>
    public static async Task<int> HolderAsync(TestDatabase database, int other = 0)
    {
        var found = 0;
        await Wait.UntilAsync(
            async () =>
            {
                try
                {
                    await using var connection = await database.DataSource.OpenConnectionAsync();
                    var holder = await Infrastructure.Migrating.MigrationLock.FindHolderAsync(connection, default);
                    found = holder?.ProcessId ?? 0;
                    return found != 0 && found != other;
                }
                catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InvalidCatalogName)
                {
                    return false; // no replica has created the database yet
                }
            },
            "a session holds the migration lock"
        );
        return found;
    }
}
