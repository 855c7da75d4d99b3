using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Exact.Tests.Support;

namespace Exact.Tests.Migrating;

/// <summary>A service that is ready, and a database that changes below it.</summary>
public sealed class SchemaWatchTests : IAsyncLifetime
{
    private readonly ExactApp app = new();
    private HttpClient admin = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await app.InitializeAsync();
        admin = app.CreateAdmin();
    }

    public async ValueTask DisposeAsync()
    {
        admin.Dispose();
        await app.DisposeAsync();
    }

    [Fact]
    public async Task A_database_that_was_dropped_is_not_ready_and_then_created_again()
    {
        await DropAsync();

        using (var probe = await admin.GetAsync("/health/ready", Cancellation))
        {
            var problem = await probe.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, probe.StatusCode);
            Assert.Contains("does not exist", problem.GetProperty("detail").GetString());
        }

        await UntilAsync("/health/ready");
        Assert.Equal(HttpStatusCode.OK, await StatusOfAsync("/api/challenges"));
    }

    [Fact]
    public async Task A_request_that_misses_a_column_makes_the_service_migrate_an_older_database_again()
    {
        await DropAsync();
        await TestDatabase.ExecuteOnServerAsync(
            $"CREATE DATABASE {app.Database.Name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"
        );
        await app.Database.MigrateToFirstAsync();

        await UntilAsync("/api/admin/operations");

        await UntilAsync("/health/ready");
        Assert.Equal(("current", "ready"), await StateAndPhaseAsync());
    }

    [Fact]
    public async Task A_POST_that_applies_something_leaves_the_service_ready()
    {
        await app.Database.MigrateToFirstAsync();

        using var answer = await admin.PostAsync("/api/admin/migrations", null, Cancellation);

        var status = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        Assert.Equal("current", status.GetProperty("state").GetString());
        Assert.Equal("ready", status.GetProperty("process").GetProperty("phase").GetString());
        Assert.Equal(HttpStatusCode.OK, await StatusOfAsync("/api/challenges"));
    }

    [Fact]
    public async Task A_POST_that_fails_leaves_the_service_as_it_finds_the_database()
    {
        await app.Database.MigrateToFirstAsync();
        await app.Database.ExecuteAsync("ALTER TABLE operations ADD cancelled_by text");

        using (var answer = await admin.PostAsync("/api/admin/migrations", null, Cancellation))
        {
            var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
            Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
            Assert.Contains("\"cancelled_by\" of relation", problem.GetProperty("detail").GetString());
        }

        Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusOfAsync("/health/ready"));
        await app.Database.ExecuteAsync("ALTER TABLE operations DROP cancelled_by");
        await UntilAsync("/health/ready");
    }

    [Fact]
    public async Task A_right_that_was_taken_away_is_not_ready_until_it_is_back()
    {
        await app.Database.ExecuteAsync("ALTER TABLE scores RENAME TO hidden");

        using (var probe = await admin.GetAsync("/health/ready", Cancellation))
        {
            var problem = await probe.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
            Assert.Equal("refused", problem.GetProperty("progress").GetProperty("phase").GetString());
            Assert.Contains("has no table scores", problem.GetProperty("detail").GetString());
        }

        await app.Database.ExecuteAsync("ALTER TABLE hidden RENAME TO scores");
        await UntilAsync("/health/ready");
    }

    private Task DropAsync() => TestDatabase.ExecuteOnServerAsync($"DROP DATABASE {app.Database.Name} WITH (FORCE)");

    private async Task<HttpStatusCode> StatusOfAsync(string path)
    {
        using var answer = await admin.GetAsync(path, Cancellation);
        return answer.StatusCode;
    }

    private Task UntilAsync(string path) =>
        Wait.UntilAsync(async () => await StatusOfAsync(path) is HttpStatusCode.OK, $"{path} answers 200");

    private async Task<(string?, string?)> StateAndPhaseAsync()
    {
        var status = await admin.GetFromJsonAsync<JsonElement>("/api/admin/migrations", Cancellation);
        return (
            status.GetProperty("state").GetString(),
            status.GetProperty("process").GetProperty("phase").GetString()
        );
    }
}
