using System.Net;
using System.Text.Json;
using Exact.Infrastructure.Database;
using Exact.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace Exact.Tests.Startup;

/// <summary>A service whose server comes late.</summary>
public sealed class ReadinessTests
{
    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_service_lives_and_says_how_far_it_is_until_its_server_comes()
    {
        var folder = Path.Combine(Path.GetTempPath(), $"exact-late-{Guid.NewGuid():N}");
        var options = new EmbeddedPostgresOptions { DataFolder = folder, Durable = false };
        string connectionString;
        await using (var before = await EmbeddedPostgres.StartAsync(options, NullLogger.Instance, CancellationToken))
        {
            connectionString = before.ConnectionString; // the port stays the same
        }

        await using var replica = ExactProcess.Serve(connectionString);
        await replica.WaitUntilAsync("/health/live", HttpStatusCode.OK);
        await replica.WaitForLogAsync("Waiting for PostgreSQL");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, await replica.StatusOfAsync("/health/ready"));
        using (var answer = await replica.Client.GetAsync("/api/challenges", CancellationToken))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.NotNull(answer.Headers.RetryAfter?.Delta);
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
            using var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(CancellationToken));
            Assert.StartsWith("Waiting for PostgreSQL", problem.RootElement.GetProperty("detail").GetString());
            Assert.Equal(
                "waiting_for_server",
                problem.RootElement.GetProperty("progress").GetProperty("phase").GetString()
            );
        }

        foreach (var path in new[] { "/health/ready", "/api/challenges" })
        {
            using var anonymous = new HttpClient { BaseAddress = replica.Client.BaseAddress };
            using var answer = await anonymous.GetAsync(path, CancellationToken);
            var told = await answer.Content.ReadAsStringAsync(CancellationToken);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.Contains("\"progress\":{\"phase\":\"waiting_for_server\"}", told, StringComparison.Ordinal);
            Assert.DoesNotContain("PostgreSQL", told, StringComparison.Ordinal);
            Assert.DoesNotContain("127.0.0.1", told, StringComparison.Ordinal);
        }

        using (var answer = await replica.Client.GetAsync("/api/admin/migrations", CancellationToken))
        {
            using var status = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(CancellationToken));
            Assert.Equal("unreachable", status.RootElement.GetProperty("state").GetString());
        }

        await using var server = await EmbeddedPostgres.StartAsync(options, NullLogger.Instance, CancellationToken);
        await replica.WaitUntilReadyAsync();
        Assert.Equal(HttpStatusCode.OK, await replica.StatusOfAsync("/api/challenges"));
    }

    [Fact]
    public async Task A_server_that_goes_away_is_not_ready_and_logged_once_and_so_is_its_return()
    {
        await using var server = await OwnServer.StartNewAsync();
        await using var replica = ExactProcess.Serve(server.ConnectionString);
        await replica.WaitUntilReadyAsync();

        await server.StopAsync();
        await replica.WaitUntilAsync("/health/ready", HttpStatusCode.ServiceUnavailable);
        await replica.WaitForLogAsync("No longer ready: PostgreSQL at ");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await replica.StatusOfAsync("/api/challenges"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await replica.StatusOfAsync("/health/ready"));

        await server.StartAsync();
        await replica.WaitUntilReadyAsync();
        Assert.Equal(HttpStatusCode.OK, await replica.StatusOfAsync("/api/challenges"));
        await replica.WaitForLogAsync("Ready again");
        Assert.Single(replica.Log.Split('\n'), line => line.Contains("No longer ready", StringComparison.Ordinal));
        Assert.Single(replica.Log.Split('\n'), line => line.Contains("Ready again", StringComparison.Ordinal));
    }
}
