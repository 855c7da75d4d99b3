using System.Collections.Concurrent;
using System.Diagnostics;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Database.Embedded;
using Exact.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Exact.Tests.Database;

/// <summary>
/// Three PostgreSQL servers under Patroni, whose three etcd servers agree on the leader, all on loopback. A COMMIT waits for one standby,
/// also where there is none: otherwise Patroni lets a leader without a standby commit alone, and a failover loses that.
/// </summary>
internal sealed class PatroniCluster : IAsyncDisposable
{
    private const int Nodes = 3;
    private const string Password = "chaos";

    private readonly string folder = Path.Combine(Path.GetTempPath(), $"exact-patroni-{Guid.NewGuid():N}");
    private readonly List<Process> stores = [];
    private readonly Process[] agents = new Process[Nodes];
    private readonly int[] ports = [.. Ports()];
    private readonly int[] clients = [.. Ports()];
    private readonly int[] peers = [.. Ports()];
    private readonly int[] doors = [.. Ports()];
    private readonly ConcurrentQueue<string> log = [];
    private readonly string binaries;
    private readonly UnprivilegedAccount account = UnprivilegedAccount.Choose();

    private PatroniCluster(string binaries) => this.binaries = binaries;

    public static async Task<PatroniCluster> StartAsync()
    {
        Assert.SkipUnless(
            File.Exists("/usr/bin/patroni") && File.Exists("/usr/bin/etcd"),
            "needs patroni and etcd-server"
        );
        Assert.SkipUnless(UnprivilegedAccount.IsNeeded, "needs root, because the servers run under another account");
        var found = await PostgresBinaries.FindAsync(
            new EmbeddedPostgresOptions { DataFolder = Path.GetTempPath() },
            major: null,
            Path.GetTempPath(),
            UnprivilegedAccount.Choose(),
            NullLogger.Instance,
            default
        );
        var cluster = new PatroniCluster(Path.GetDirectoryName(found.Program("postgres"))!);
        Directory.CreateDirectory(cluster.folder);
        await cluster.account.TakeOverAsync(cluster.folder, default);
        for (var node = 0; node < Nodes; node++)
        {
            cluster.StartStore(node);
        }

        for (var node = 0; node < Nodes; node++)
        {
            await cluster.StartAgentAsync(node);
        }

        try
        {
            await cluster.WhenWholeAsync();
            return cluster;
        }
        catch (Exception e)
        {
            await cluster.DisposeAsync();
            throw new InvalidOperationException(cluster.Log, e);
        }
    }

    /// <summary>All hosts, as an operator writes them.</summary>
    public string ConnectionStringOf(string database) =>
        new NpgsqlConnectionStringBuilder(ConnectionString(0, database))
        {
            Host = string.Join(',', ports.Select(port => $"127.0.0.1:{port}")),
        }.ConnectionString;

    /// <summary>What the stores and the agents have said at last.</summary>
    public string Log => string.Join('\n', log.TakeLast(100));

    /// <summary>Waits until there is a leader that both standbys follow.</summary>
    public async Task<int> WhenWholeAsync()
    {
        var leader = -1;
        await Wait.UntilAsync(
            async () =>
            {
                leader = await FindLeaderAsync();
                return leader >= 0
                    && await TryAsync(
                        leader,
                        "SELECT count(*) = 2 AND bool_or(sync_state IN ('sync', 'quorum')) FROM pg_stat_replication WHERE state = 'streaming'"
                    );
            },
            "the leader has two standbys",
            TimeSpan.FromMinutes(3)
        );
        return leader;
    }

    /// <summary>The node that is no standby; -1 if there is none.</summary>
    public async Task<int> FindLeaderAsync()
    {
        for (var node = 0; node < Nodes; node++)
        {
            if (await TryAsync(node, "SELECT NOT pg_is_in_recovery()"))
            {
                return node;
            }
        }

        return -1;
    }

    /// <summary>SIGKILL for the server of a node; its agent lives, and gives the leadership up.</summary>
    public async Task KillServerAsync(int node)
    {
        var postmaster = File.ReadLines(Path.Combine(folder, $"data{node}", "postmaster.pid")).First();
        using var kill = Process.Start("kill", ["-KILL", postmaster]);
        await kill.WaitForExitAsync();
    }

    /// <summary>SIGKILL for the agent and the server of a node, as if the machine was lost; its lease has to run out.</summary>
    public async Task KillNodeAsync(int node)
    {
        agents[node].Kill();
        await agents[node].WaitForExitAsync();
        await KillServerAsync(node);
    }

    /// <summary>Starts the agent again, which starts its server.</summary>
    public Task ReviveAsync(int node) => StartAgentAsync(node);

    public async Task<T?> ScalarAsync<T>(int node, string sql, string database = "postgres")
    {
        await using var connection = new NpgsqlConnection(ConnectionString(node, database));
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync() is T value ? value : default;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in agents.Concat(stores).OfType<Process>())
        {
            if (!process.HasExited)
            {
                using var end = Process.Start("kill", ["-TERM", $"{process.Id}"]);
                await process.WaitForExitAsync();
            }
        }

        Directory.Delete(folder, recursive: true);
    }

    private async Task<bool> TryAsync(int node, string sql)
    {
        try
        {
            return await ScalarAsync<bool>(node, sql);
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    private string ConnectionString(int node, string database) =>
        new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1",
            Port = ports[node],
            Username = "postgres",
            Password = Password,
            Database = database,
            Pooling = false,
            Timeout = 3,
        }.ConnectionString;

    private void StartStore(int node)
    {
        var all = string.Join(',', peers.Select((port, number) => $"e{number}=http://127.0.0.1:{port}"));
        stores.Add(
            Start(
                "/usr/bin/etcd",
                "--name",
                $"e{node}",
                "--data-dir",
                Path.Combine(folder, $"etcd{node}"),
                "--listen-client-urls",
                $"http://127.0.0.1:{clients[node]}",
                "--advertise-client-urls",
                $"http://127.0.0.1:{clients[node]}",
                "--listen-peer-urls",
                $"http://127.0.0.1:{peers[node]}",
                "--initial-advertise-peer-urls",
                $"http://127.0.0.1:{peers[node]}",
                "--initial-cluster",
                all
            )
        );
    }

    private async Task StartAgentAsync(int node)
    {
        var file = Path.Combine(folder, $"patroni{node}.yml");
        await File.WriteAllTextAsync(
            file,
            $"""
            scope: exact
            name: n{node}
            restapi: {"{"}listen: "127.0.0.1:{doors[node]}", connect_address: "127.0.0.1:{doors[node]}"{"}"}
            etcd3: {"{"}hosts: "{string.Join(',', clients.Select(port => $"127.0.0.1:{port}"))}"{"}"}
            bootstrap:
              dcs:
                ttl: 20
                loop_wait: 1
                retry_timeout: 3
                primary_start_timeout: 0
                synchronous_mode: true
                synchronous_mode_strict: true
                postgresql:
                  use_pg_rewind: true
                  parameters: {"{"}wal_log_hints: "on", max_connections: 100, fsync: "off", wal_keep_size: 256MB{"}"}
              initdb: [encoding: UTF8, data-checksums]
              pg_hba: ["host all all 127.0.0.1/32 scram-sha-256", "host replication all 127.0.0.1/32 scram-sha-256"]
            postgresql:
              listen: 127.0.0.1:{ports[node]}
              connect_address: 127.0.0.1:{ports[node]}
              data_dir: {folder}/data{node}
              bin_dir: {binaries}
              pgpass: {folder}/pgpass{node}
              parameters: {"{"}unix_socket_directories: "{folder}"{"}"}
              authentication:
                superuser: {"{"}username: postgres, password: {Password}{"}"}
                replication: {"{"}username: replicator, password: {Password}{"}"}
                rewind: {"{"}username: rewinder, password: {Password}{"}"}
            """
        );
        agents[node] = Start("/usr/bin/patroni", file);
    }

    private Process Start(string program, params string[] arguments)
    {
        var process = CommandLineTool.Start(program, arguments, folder, account.Name);
        _ = KeepAsync(process.StandardOutput);
        _ = KeepAsync(process.StandardError);
        return process;

        async Task KeepAsync(StreamReader lines)
        {
            while (await lines.ReadLineAsync() is { } line)
            {
                log.Enqueue($"{Path.GetFileName(program)} {arguments[^1]}: {line}");
            }
        }
    }

    private static IEnumerable<int> Ports() => Enumerable.Range(0, Nodes).Select(_ => FreePort.Find());
}
