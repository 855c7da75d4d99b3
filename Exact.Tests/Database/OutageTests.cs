using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Exact.Infrastructure.Migrating;
using Exact.Tests.Support;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
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
        await ExecuteAsync(server, "ALTER ROLE CURRENT_USER SET client_min_messages = error"); // it hides what a COMMIT warns of
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
        // PostgreSQL has committed, but a failover may lose that: it is in doubt as long as there is no standby.
        await ExecuteAsync(server, $"SELECT pg_cancel_backend(pid) {Waiting}");
        using var answer = await import;
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);
        Assert.Equal("running", running[0].GetProperty("state").GetString());
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Contains("the synchronous standby has not confirmed it", problem.GetProperty("detail").GetString());

        // Once a standby has what came later, it has the COMMIT, too.
        var second = admin.PostAsync("/api/admin/import", new ByteArrayContent(file), CancellationToken);
        await Wait.UntilAsync(
            async () => await ExecuteAsync(server, $"SELECT count(*) {Waiting}") is 1L,
            "the import waits for its standby"
        );
        await ExecuteAsync(server, $"SELECT pg_terminate_backend(pid) {Waiting}");
        await ExecuteAsync(server, "ALTER SYSTEM SET synchronous_standby_names = ''");
        await ExecuteAsync(server, "SELECT pg_reload_conf()");
        using var confirmed = await second;
        var ended = await admin.GetFromJsonAsync<JsonElement>("/api/admin/operations", CancellationToken);
        Assert.Equal(HttpStatusCode.OK, confirmed.StatusCode);
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
    public async Task A_COMMIT_whose_server_is_gone_is_in_doubt_until_the_server_is_back()
    {
        await using var server = await OwnServer.StartNewAsync();
        var time = new FakeTimeProvider();
        await using var app = new ExactApp();
        await using var service = app.WithWebHostBuilder(host =>
            host.UseSetting("ConnectionStrings:Exact", server.ConnectionString)
                .ConfigureTestServices(services => services.AddSingleton<TimeProvider>(time))
        );
        using var admin = ExactApp.CreateAdmin(service);
        await service.Services.GetRequiredService<SchemaState>().WhenReadyAsync(CancellationToken);
        await ExecuteAsync(server, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
        await ExecuteAsync(server, "SELECT pg_reload_conf()");
        var file = Encoding.UTF8.GetBytes(Fixture(Group()));
        var import = admin.PostAsync("/api/admin/import", new ByteArrayContent(file), CancellationToken);
        await Wait.UntilAsync(
            async () =>
                await ExecuteAsync(server, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") is 1L,
            "the COMMIT waits for its standby"
        );
        await server.SignalAsync("QUIT");
        await Wait.UntilAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(1));
                return Task.FromResult(import.IsCompleted);
            },
            "the import is answered"
        );
        using var answer = await import;
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);
        await server.StartAsync();
        JsonElement operation = default;
        await Wait.UntilAsync(
            async () =>
            {
                using var asked = await admin.GetAsync(answer.Headers.Location, CancellationToken);
                operation = await asked.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);
                return asked.StatusCode is HttpStatusCode.OK;
            },
            "the operation is told"
        );
        var database = new NpgsqlConnectionStringBuilder(server.ConnectionString).Database!;
        var groups = await ExecuteAsync(server, "SELECT count(*) FROM roles", database);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.NotNull(answer.Headers.RetryAfter);
        Assert.Equal("It is not known whether the changes were committed.", problem.GetProperty("title").GetString());
        Assert.Equal(answer.Headers.Location?.OriginalString, problem.GetProperty("operation").GetString());
        Assert.Equal(groups is 1L ? "succeeded" : "failed", operation.GetProperty("state").GetString());
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

    private static async Task<object?> ExecuteAsync(OwnServer server, string sql, string database = "postgres")
    {
        var superuser = new NpgsqlConnectionStringBuilder(server.ConnectionString)
        {
            Database = database,
            Options = "-c synchronous_commit=off", // it waits for no standby
            Pooling = false,
        };
        await using var connection = new NpgsqlConnection(superuser.ConnectionString);
        await connection.OpenAsync(CancellationToken);
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(CancellationToken);
    }
}
