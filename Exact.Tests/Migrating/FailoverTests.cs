using System.Net;
using Exact.Infrastructure.Migrating;
using Exact.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Exact.Tests.Migrating;

/// <summary>A standby that lacks the last migrations takes the place of the primary.</summary>
public sealed class FailoverTests
{
    private const string NotReady = "No longer ready: Pending migrations";

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_promoted_standby_without_the_last_migration_is_migrated_again()
    {
        await using var server = await OwnServer.StartNewAsync();
        await TestDatabase.MigrateToFirstAsync(server.ConnectionString);
        await server.KeepStandbyAsync();
        var log = new LogLines(LogLevel.Warning);
        await using var app = new ExactApp();
        await using var service = app.WithWebHostBuilder(host =>
            host.UseSetting("ConnectionStrings:Exact", server.ConnectionString)
                .ConfigureServices(services => services.AddSingleton<ILoggerProvider>(log))
        );
        using var client = service.CreateClient();
        var state = service.Services.GetRequiredService<SchemaState>();
        await state.WhenReadyAsync(CancellationToken);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(client));

        service.Services.GetRequiredService<NpgsqlDataSource>().Clear(); // as after a while without requests
        await server.FailOverAsync();

        // No probe asks, and no request misses anything: the list of challenges needs only the first migration.
        var statuses = new HashSet<HttpStatusCode>();
        await Wait.UntilAsync(
            async () =>
            {
                statuses.Add(await StatusAsync(client));
                return state.IsReady && log.All.Any(line => line.StartsWith(NotReady, StringComparison.Ordinal));
            },
            "the service was not ready, and is ready again"
        );

        Assert.Subset(new HashSet<HttpStatusCode> { HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable }, statuses);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(client));
    }

    private static async Task<HttpStatusCode> StatusAsync(HttpClient client)
    {
        using var answer = await client.GetAsync("/api/challenges", CancellationToken);
        return answer.StatusCode;
    }
}
