using System.Diagnostics;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Database.Embedded;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Exact.Tests.Support;

/// <summary>A PostgreSQL server that one test has for itself, to stop it, kill it and start it again.</summary>
internal sealed class OwnServer(int maxConnections) : IAsyncDisposable
{
    private readonly EmbeddedPostgresOptions options = new()
    {
        DataFolder = Path.Combine(Path.GetTempPath(), $"exact-own-{Guid.NewGuid():N}"),
        MaxConnections = maxConnections,
        Durable = false,
        Restart = false, // a test does that
    };

    private EmbeddedPostgres? running;

    /// <summary>The connection string of its superuser; it stays the same over restarts.</summary>
    public string ConnectionString { get; private set; } = "";

    /// <summary>The same for another of its databases.</summary>
    public string ConnectionStringOf(string database) =>
        new NpgsqlConnectionStringBuilder(ConnectionString) { Database = database }.ConnectionString;

    public string DataFolder => Path.Combine(options.DataFolder, "postgres", "data");

    private string Standby => $"{DataFolder}.standby";

    public static async Task<OwnServer> StartNewAsync(int maxConnections = 200)
    {
        var server = new OwnServer(maxConnections);
        await PreparedCluster.CopyToAsync(server.options.DataFolder);
        await server.StartAsync();
        return server;
    }

    public async Task StartAsync()
    {
        running = await EmbeddedPostgres.StartAsync(options, NullLogger.Instance);
        ConnectionString = running.ConnectionString;
    }

    /// <summary>Stops it in good order.</summary>
    public async Task StopAsync()
    {
        if (running is not null)
        {
            await running.DisposeAsync();
            running = null;
        }
    }

    /// <summary>Stops it as the signal says: INT is PostgreSQL's fast shutdown, QUIT its immediate one.</summary>
    public async Task SignalAsync(string signal)
    {
        var postmaster = PostmasterFile.Read(DataFolder)!;
        using var kill = Process.Start("kill", [$"-{signal}", $"{postmaster.ProcessId}"]);
        await kill.WaitForExitAsync();
        while (postmaster.IsAlive(DataFolder))
        {
            await Task.Delay(20);
        }

        await StopAsync();
    }

    /// <summary>Keeps a copy of the data, as a standby has it that receives nothing from now on.</summary>
    public async Task KeepStandbyAsync()
    {
        await StopAsync();
        using var copy = Process.Start("cp", ["--archive", DataFolder, Standby]);
        await copy.WaitForExitAsync();
        await StartAsync();
    }

    /// <summary>Ends the server at once, and promotes the standby in its place.</summary>
    public async Task FailOverAsync()
    {
        await SignalAsync("QUIT");
        Directory.Move(DataFolder, $"{DataFolder}.old");
        Directory.Move(Standby, DataFolder);
        await File.WriteAllTextAsync(Path.Combine(DataFolder, "standby.signal"), "");
        await StartAsync();
        await using var standby = NpgsqlDataSource.Create(ConnectionString);
        await using var promote = standby.CreateCommand("SELECT pg_promote()");
        Assert.Equal(true, await promote.ExecuteScalarAsync());
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(options.DataFolder, recursive: true);
    }
}
