using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Operations;
using Exact.Infrastructure.Transfer.Exporting;
using Exact.Tests.Support;
using Exact.Tests.Transfer;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Database;

/// <summary>Somebody terminates sessions of the service, or the server has forgotten them.</summary>
public sealed class LostSessionTests(ExactApp app) : IClassFixture<ExactApp>, IAsyncLifetime
{
    private static readonly byte[] Groups = Encoding.UTF8.GetBytes(
        Fixture([.. Enumerable.Range(1, 20_000).Select(pk => Group(pk, $"group {pk}"))])
    );

    private const string Copies = "query LIKE 'COPY%' AND state = 'active'";

    private readonly HttpClient admin = app.CreateClient(new() { AllowAutoRedirect = false }); // else it buffers the body

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        admin.DefaultRequestHeaders.Authorization = new("Bearer", ExactApp.AdminKey);
        await app.Database.ExecuteAsync("TRUNCATE roles CASCADE");
    }

    public ValueTask DisposeAsync()
    {
        admin.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_request_does_not_notice_that_the_idle_sessions_are_gone()
    {
        foreach (var path in new[] { "/api/challenges", "/api/admin/operations", "/api/admin/export" })
        {
            await Task.WhenAll(
                Enumerable.Range(0, 4).Select(_ => admin.GetAsync("/api/challenges", CancellationToken))
            );
            Assert.True(await TerminateAsync("true") > 0);
            using var answer = await admin.GetAsync(path, CancellationToken);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        Assert.True(await TerminateAsync("true") > 0);
        using var import = await ImportAsync(new MemoryStream(Groups));
        Assert.Equal(HttpStatusCode.OK, import.StatusCode);
    }

    [Fact]
    public async Task An_import_whose_COPY_is_terminated_names_its_operation_and_has_changed_nothing()
    {
        var gate = new TaskCompletionSource();
        var body = new GatedStream(Groups, gate.Task, Groups.Length / 2);
        var import = ImportAsync(body);
        await Wait.UntilAsync(async () => await TerminateAsync(Copies) == 1, "the import copies");
        gate.SetResult();

        using var answer = await import;
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);
        var address = problem.GetProperty("operation").GetString();
        var operation = await admin.GetFromJsonAsync<JsonElement>(address, CancellationToken);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal("The database does not answer.", problem.GetProperty("title").GetString());
        Assert.DoesNotContain("COPY operation", $"{problem} {operation}", StringComparison.Ordinal);
        Assert.Equal(address, answer.Headers.Location?.OriginalString);
        Assert.Equal("failed", operation.GetProperty("state").GetString());
        Assert.Equal(0, await GroupsAsync());
    }

    [Fact]
    public async Task An_import_that_has_committed_has_succeeded_although_the_session_with_its_lock_is_gone()
    {
        var gate = new TaskCompletionSource();
        var body = new GatedStream(Groups, gate.Task, Groups.Length / 2);
        var import = ImportAsync(body);
        await Wait.UntilAsync(
            async () =>
                await TerminateAsync(
                    $"""
                    state = 'idle in transaction' AND query LIKE '%pg_advisory_xact_lock_shared%'
                    AND EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND {Copies})
                    """
                ) == 1,
            "the import copies"
        );
        gate.SetResult();

        using var answer = await import;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(20_000, await GroupsAsync());
        Assert.Equal("succeeded", await LastStateAsync());
    }

    [Fact]
    public async Task An_import_whose_session_is_lost_in_COMMIT_says_what_became_of_it()
    {
        await app.Database.ExecuteAsync(
            """
            CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER leaves AFTER INSERT ON roles DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION leave()
            """
        );
        try
        {
            using var answer = await ImportAsync(new MemoryStream(Encoding.UTF8.GetBytes(Fixture(Group()))));
            var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);

            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.Equal(problem.GetProperty("operation").GetString(), answer.Headers.Location?.OriginalString);
            Assert.Equal("failed", await LastStateAsync());
            Assert.Equal(0, await GroupsAsync());
        }
        finally
        {
            await app.Database.ExecuteAsync("DROP FUNCTION leave CASCADE");
        }
    }

    [Fact]
    public async Task An_export_whose_session_is_terminated_fails_as_such()
    {
        await app.Database.ExecuteAsync(
            """
            INSERT INTO roles (id, name, normalized_name)
            SELECT n, repeat('x', 100) || n, n::text FROM generate_series(1, 100000) n
            """
        );
        var exporter = app.Services.GetRequiredService<FixtureExporter>();
        await using var destination = new Terminating(() => TerminateAsync("query LIKE 'COPY%'"));

        var failure = await Xunit.Record.ExceptionAsync(() =>
            exporter.ExportAsync(destination, new(), CancellationToken)
        );

        Assert.Equal(DatabaseFault.Away, PostgresErrors.FaultOf(failure));
    }

    /// <summary>Work that takes longer than one command may: Npgsql's limit is 30 seconds, and one here.</summary>
    [Fact]
    public async Task Neither_an_export_nor_a_COMMIT_has_a_time_limit()
    {
        await using var service = await app.StartWithAsync("Command Timeout=1");
        using var client = ExactApp.CreateAdmin(service);
        await app.Database.ExecuteAsync(
            """
            CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN PERFORM pg_sleep(1.5); RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON roles DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION slowly()
            """
        );
        try
        {
            var file = Encoding.UTF8.GetBytes(Fixture(Group()));
            using var import = await client.PostAsync(
                "/api/admin/import",
                new ByteArrayContent(file),
                CancellationToken
            );
            Assert.Equal(HttpStatusCode.OK, import.StatusCode);
            await app.Database.ExecuteAsync(
                """
                ALTER TABLE roles RENAME TO real_roles;
                CREATE VIEW roles AS SELECT * FROM real_roles WHERE pg_sleep(1.5)::text = '' AND id > 0
                """
            );
            var export = await client.GetStringAsync("/api/admin/export?models=auth.group", CancellationToken);
            Assert.Contains("editors", export, StringComparison.Ordinal);
        }
        finally
        {
            await app.Database.ExecuteAsync(
                """
                DROP VIEW IF EXISTS roles; ALTER TABLE IF EXISTS real_roles RENAME TO roles;
                DROP FUNCTION slowly CASCADE
                """
            );
        }
    }

    [Fact]
    public async Task More_transfers_than_connections_wait_for_one_another()
    {
        await using var service = await app.StartWithAsync("Maximum Pool Size=3");
        using var client = ExactApp.CreateAdmin(service);

        var exports = await Task.WhenAll(
            Enumerable.Range(0, 6).Select(_ => client.GetAsync("/api/admin/export", CancellationToken))
        );
        using var import = await client.PostAsync("/api/admin/import", new ByteArrayContent(Groups), CancellationToken);

        Assert.All(exports, export => Assert.Equal(HttpStatusCode.OK, export.StatusCode));
        Assert.Equal(HttpStatusCode.OK, import.StatusCode);
    }

    [Fact]
    public async Task A_transfer_that_finds_no_connections_in_time_is_told_so_while_other_requests_are_served()
    {
        var time = new FakeTimeProvider();
        await using var pool = await app.StartWithAsync("Maximum Pool Size=3");
        await using var service = pool.WithWebHostBuilder(host =>
            host.ConfigureTestServices(services => services.AddSingleton<TimeProvider>(time))
        );
        using var client = ExactApp.CreateAdmin(service);
        await ExactApp.WhenReadyAsync(service);
        var running = await service.Services.GetRequiredService<OperationTurns>().TakeAsync(CancellationToken);
        foreach (var path in new[] { "/api/admin/export", "/api/admin/export/manifest" })
        {
            var export = client.GetAsync(path, CancellationToken);
            using var other = await client.GetAsync("/api/admin/operations", CancellationToken);
            await Wait.UntilAsync(
                () =>
                {
                    time.Advance(OperationTurns.Patience);
                    return Task.FromResult(export.IsCompleted);
                },
                "the export is answered"
            );
            using var refused = await export;

            Assert.Equal(HttpStatusCode.OK, other.StatusCode);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.NotNull(refused.Headers.RetryAfter);
            Assert.Contains("at the same time: 1,", await refused.Content.ReadAsStringAsync(CancellationToken));
        }

        running.Dispose();
        using var served = await client.GetAsync("/api/admin/export", CancellationToken);
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);
    }

    private Task<HttpResponseMessage> ImportAsync(Stream body) =>
        admin.PostAsync("/api/admin/import", new StreamContent(body), CancellationToken);

    /// <summary>Terminates the sessions of the service for which the condition is true.</summary>
    private async Task<long> TerminateAsync(string condition) =>
        await app.Database.ScalarAsync<long>(
            string.Create(
                CultureInfo.InvariantCulture,
                $"""
                SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name LIKE 'exact%' AND pid <> pg_backend_pid()
                  AND ({condition})
                """
            )
        );

    private Task<long> GroupsAsync() => app.Database.ScalarAsync<long>("SELECT count(*) FROM roles");

    private Task<string?> LastStateAsync() =>
        app.Database.ScalarAsync<string>("SELECT state FROM operations ORDER BY id DESC LIMIT 1");

    /// <summary>Does something when it is written to.</summary>
    private sealed class Terminating(Func<Task> first) : MemoryStream
    {
        public override async ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer,
            CancellationToken cancellationToken = default
        )
        {
            if (Length == 0)
            {
                await first();
            }

            await base.WriteAsync(buffer, cancellationToken);
        }
    }
}
