using Docker.DotNet;
using DotNet.Testcontainers.Builders;
using Exact.Infrastructure.Database;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Testcontainers.PostgreSql;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestPipelineStartup(typeof(Exact.Tests.Support.PostgresServer.Ending))]

namespace Exact.Tests.Support;

/// <summary>
/// The PostgreSQL server of a test run: the one that <c>EXACT_TEST_POSTGRES</c> names, as a connection string of a superuser; else a
/// container, where an engine answers; else the embedded server. What was started ends with the run.
/// </summary>
internal static class PostgresServer
{
    private const int MaxConnections = 300; // many services at once, each with its pool
    private static readonly TimeSpan EnginePatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ContainerPatience = TimeSpan.FromMinutes(5); // an image may have to be pulled

    private static readonly Lazy<Task<string>> Started = new(StartAsync);
    private static readonly List<Func<ValueTask>> Ends = [];

    /// <summary>The connection string of a superuser on the server's own database.</summary>
    public static Task<string> ConnectionStringAsync() => Started.Value;

    private static async Task<string> StartAsync() =>
        Environment.GetEnvironmentVariable("EXACT_TEST_POSTGRES") is { Length: > 0 } named
            ? named
            : await StartContainerAsync() ?? await StartEmbeddedAsync();

    private static async Task<string?> StartContainerAsync()
    {
        try
        {
            // Build looks for the engine, and waits for one that has a socket but says nothing.
            var container = await Task.Run(BuildContainer).WaitAsync(EnginePatience);
            AtTheEnd(container.DisposeAsync);
            using var patience = new CancellationTokenSource(ContainerPatience);
            await container.StartAsync(patience.Token);
            return container.GetConnectionString();
        }
        catch (DockerUnavailableException)
        {
            return null;
        }
        catch (Exception e) when (e is DockerApiException or OperationCanceledException or TimeoutException)
        {
            // An engine that cannot get the image is as good as none, but the person who set it up will want to know.
            await Console.Error.WriteLineAsync($"No PostgreSQL container, so the embedded server is used: {e.Message}");
            return null;
        }
    }

    private static PostgreSqlContainer BuildContainer() =>
        new PostgreSqlBuilder("postgres:17")
            .WithCommand("-c", $"max_connections={MaxConnections}", "-c", "fsync=off")
            .Build();

    private static async Task<string> StartEmbeddedAsync()
    {
        var folder = Path.Combine(Path.GetTempPath(), $"exact-tests-{Guid.NewGuid():N}");
        var server = await EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions
            {
                DataFolder = folder,
                MaxConnections = MaxConnections,
                Durable = false,
            },
            NullLogger.Instance
        );
        AtTheEnd(async () =>
        {
            await server.DisposeAsync();
            Directory.Delete(folder, recursive: true);
        });
        return new NpgsqlConnectionStringBuilder(server.ConnectionString) { Database = "postgres" }.ConnectionString;
    }

    private static void AtTheEnd(Func<ValueTask> end) => Ends.Add(end);

    /// <summary>
    /// Ends what was started after everything else has ended: the assembly's fixtures, which end in no promised order, still need the
    /// server. At ProcessExit it would be too late: xUnit calls a process hung that takes more than ten seconds from Main's end.
    /// </summary>
    public sealed class Ending : ITestPipelineStartup
    {
        public ValueTask StartAsync(IMessageSink diagnosticMessageSink) => ValueTask.CompletedTask;

        public async ValueTask StopAsync()
        {
            foreach (var end in Ends)
            {
                await end();
            }
        }
    }
}
