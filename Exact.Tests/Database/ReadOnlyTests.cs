using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Exact.Tests.Support;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Database;

/// <summary>The database has become read-only, as after a failover that left the service with a standby.</summary>
public sealed class ReadOnlyTests(LoggedApp app) : IClassFixture<LoggedApp>
{
    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Reading_goes_on_and_writing_begins_again_with_the_primary()
    {
        using var admin = app.CreateAdmin();
        using var before = await ImportAsync(admin);
        await app.Database.ExecuteAsync(
            $"""
            ALTER DATABASE {app.Database.Name} SET default_transaction_read_only = on;
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
            """
        );

        using var export = await admin.GetAsync("/api/admin/export", CancellationToken);
        var fixture = await export.Content.ReadAsStringAsync(CancellationToken);
        var operations = await admin.GetFromJsonAsync<JsonElement>("/api/admin/operations", CancellationToken);
        using var status = await admin.GetAsync("/api/admin/migrations", CancellationToken);
        using var refused = await ImportAsync(admin);
        var problem = await refused.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);
        // The sessions in the pool still have the setting.
        await using (var connection = await app.Database.DataSource.OpenConnectionAsync(CancellationToken))
        await using (var reset = connection.CreateCommand())
        {
            reset.CommandText =
                $"SET default_transaction_read_only = off; ALTER DATABASE {app.Database.Name} RESET default_transaction_read_only";
            await reset.ExecuteNonQueryAsync(CancellationToken);
        }

        using var after = await ImportAsync(admin);
        using var recorded = await admin.GetAsync("/api/admin/export", CancellationToken);

        Assert.Equal(HttpStatusCode.OK, before.StatusCode);
        Assert.Equal((HttpStatusCode.OK, false), (export.StatusCode, export.Headers.Contains("Exact-Operation")));
        Assert.Contains("editors", fixture, StringComparison.Ordinal);
        Assert.Contains(app.Log.All, line => line.Contains("has no entry", StringComparison.Ordinal));
        Assert.Equal("import", operations[0].GetProperty("kind").GetString());
        Assert.Equal(HttpStatusCode.OK, status.StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Equal("The database is read-only.", problem.GetProperty("title").GetString());
        Assert.Equal(HttpStatusCode.OK, after.StatusCode);
        var operation = recorded.Headers.GetValues("Exact-Operation").Single();
        using var entry = await admin.GetAsync(operation, CancellationToken);
        Assert.Equal(HttpStatusCode.OK, entry.StatusCode);
    }

    private static Task<HttpResponseMessage> ImportAsync(HttpClient admin) =>
        admin.PostAsync(
            "/api/admin/import",
            new ByteArrayContent(Encoding.UTF8.GetBytes(Fixture(Group()))),
            CancellationToken
        );
}
