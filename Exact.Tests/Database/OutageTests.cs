using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Exact.Tests.Support;
using Npgsql;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Database;

/// <summary>What happens to a whole server: it restarts, is away, loses its standby, or fills its disk.</summary>
public sealed class OutageTests
{
    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_outage_costs_no_more_than_it_must()
    {
        await using var server = await OwnServer.StartNewAsync();
        await using var service = ExactProcess.Serve(server.ConnectionString);
        await service.WaitUntilReadyAsync();
        var admin = service.Client;
        Assert.Equal(HttpStatusCode.OK, await service.StatusOfAsync("/api/challenges"));

        // A restart.
        await server.SignalAsync("INT");
        await server.StartAsync();
        Assert.Equal(HttpStatusCode.OK, await service.StatusOfAsync("/api/challenges"));

        // A synchronous standby that does not answer: only the COMMIT of the import waits for it.
        await ExecuteAsync(server, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
        await ExecuteAsync(server, "SELECT pg_reload_conf()");
        var file = Encoding.UTF8.GetBytes(Fixture(Group()));
        var import = admin.PostAsync("/api/admin/import", new ByteArrayContent(file), CancellationToken);
        const string Waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query = 'COMMIT'";
        await Wait.UntilAsync(
            async () => await ExecuteAsync(server, $"SELECT count(*) {Waiting}") is 1L,
            "the import waits for its standby"
        );
        var running = await admin.GetFromJsonAsync<JsonElement>("/api/admin/operations", CancellationToken);
        // PostgreSQL has committed, but cannot say so any more.
        await ExecuteAsync(server, $"SELECT pg_terminate_backend(pid) {Waiting}");
        using var answer = await import;
        var ended = await admin.GetFromJsonAsync<JsonElement>("/api/admin/operations", CancellationToken);
        Assert.Equal("running", running[0].GetProperty("state").GetString());
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("succeeded", ended[0].GetProperty("state").GetString());

        // An outage.
        await server.SignalAsync("QUIT");
        var before = service.Log.Length;
        var statuses = await Task.WhenAll(
            Enumerable.Range(0, 20).Select(_ => service.StatusOfAsync("/api/challenges"))
        );
        await service.WaitForLogAsync("The database failed GET /api/challenges: ");
        Assert.All(statuses, status => Assert.Equal(HttpStatusCode.ServiceUnavailable, status));
        Assert.InRange(service.Log.Length - before, 1, 1000);
    }

    [Fact]
    public async Task A_full_disk_is_answered_as_such()
    {
        await using var server = await OwnServer.StartNewAsync();
        await using var disk = await SmallDisk.MountAsync(server, megabytes: 20);
        await ExecuteAsync(server, $"CREATE TABLESPACE small LOCATION '{disk.Path}'");
        await ExecuteAsync(server, "CREATE DATABASE small TABLESPACE small");
        await using var service = ExactProcess.Serve(server.ConnectionStringOf("small"));
        await service.WaitUntilReadyAsync();
        var scores = Enumerable.Range(1, 100_000).Select(pk => Score(pk, fields: "\"score\": 1.5"));
        var file = Encoding.UTF8.GetBytes(Fixture([Challenge(), .. scores]));

        using var import = await service.Client.PostAsync(
            "/api/admin/import",
            new ByteArrayContent(file),
            CancellationToken
        );
        var problem = await import.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);

        Assert.Equal(HttpStatusCode.InsufficientStorage, import.StatusCode);
        Assert.Contains("No space left on device", $"{problem}", StringComparison.Ordinal);
        Assert.NotNull(import.Headers.RetryAfter);
    }

    private static async Task<object?> ExecuteAsync(OwnServer server, string sql)
    {
        var superuser = new NpgsqlConnectionStringBuilder(server.ConnectionString)
        {
            Database = "postgres",
            Options = "-c synchronous_commit=off", // it waits for no standby
            Pooling = false,
        };
        await using var connection = new NpgsqlConnection(superuser.ConnectionString);
        await connection.OpenAsync(CancellationToken);
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(CancellationToken);
    }
}
