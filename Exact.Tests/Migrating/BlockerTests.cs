using System.Net.Http.Json;
using System.Text.Json;
using Exact.Tests.Support;
using Exact.Tests.Support.TestMigrations;
using Npgsql;

namespace Exact.Tests.Migrating;

/// <summary>A migration, the application's own queries, and who has to wait for whom.</summary>
public sealed class BlockerTests(MigratedTemplate template) : IAsyncLifetime
{
    private readonly MigratedDatabase database = new(template);

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => database.InitializeAsync();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task A_migration_blocked_by_a_long_reader_lets_the_application_pass_and_succeeds_later()
    {
        await using var reader = await database.DataSource.OpenConnectionAsync(CancellationToken);
        await using var transaction = await reader.BeginTransactionAsync(CancellationToken);
        await using (var read = new NpgsqlCommand("SELECT count(*) FROM scores", reader))
        {
            await read.ExecuteScalarAsync(CancellationToken);
        }

        await using var replica = ExactProcess.Serve(database.ConnectionString, Scenario.Settings("alter"));
        await replica.WaitForLogAsync("Trying the migration again");
        // Behind an ALTER that stays in the queue these would wait for the reader, which waits for them.
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(0, await database.ScalarAsync<long>("SELECT count(*) FROM scores"));
        }

        await transaction.CommitAsync(CancellationToken);
        await replica.WaitUntilReadyAsync();

        Assert.Equal(
            1,
            await database.ScalarAsync<long>(
                "SELECT count(*) FROM pg_attribute WHERE attrelid = 'scores'::regclass AND attname = 'altered'"
            )
        );
    }

    [Fact]
    public async Task Every_replica_reports_the_current_migration_and_the_session_that_applies_it()
    {
        // the sleep of the migration lasts as long as the test needs
        await using var migrating = ExactProcess.Serve(database.ConnectionString, Scenario.Settings("slow", "60"));
        var holder = await Replicas.HolderAsync(database);
        await migrating.WaitForLogAsync("Slow (");
        await using var waiting = ExactProcess.Serve(database.ConnectionString, Scenario.Settings("slow", "60"));
        await waiting.WaitForLogAsync("which is migrating");

        foreach (var replica in new[] { migrating, waiting })
        {
            var status = await replica.Client.GetFromJsonAsync<JsonElement>("/api/admin/migrations", CancellationToken);
            Assert.Equal("migrating", status.GetProperty("state").GetString());
            Assert.Equal("20990301000002_Slow", status.GetProperty("current").GetString());
            Assert.Equal(holder, status.GetProperty("lock_holder").GetProperty("process_id").GetInt32());
            Assert.StartsWith("exact ", status.GetProperty("lock_holder").GetProperty("application").GetString());
        }

        Assert.Equal(holder, await Replicas.HolderAsync(database)); // it was answered meanwhile
    }
}
