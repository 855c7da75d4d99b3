using System.Diagnostics;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Database.Embedded;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Exact.Tests.Support;

/// <summary>A primary and a hot standby that one test has for itself, with PostgreSQL's own replication between them.</summary>
internal sealed class PrimaryAndStandby : IAsyncDisposable
{
    private readonly string folder = Path.Combine(Path.GetTempPath(), $"exact-pair-{Guid.NewGuid():N}");
    private readonly ReplicatedServer[] servers;
    private int primary;

    private PrimaryAndStandby(PostgresBinaries binaries, string? account) =>
        servers = [
            new(binaries, account, Path.Combine(folder, "a")),
            new(binaries, account, Path.Combine(folder, "b")),
        ];

    /// <summary>Both hosts, as an operator writes them.</summary>
    public string ConnectionString =>
        new NpgsqlConnectionStringBuilder(servers[0].ConnectionString)
        {
            Host = string.Join(',', servers.Select(server => $"127.0.0.1:{server.Port}")),
            Database = "exact",
        }.ConnectionString;

    public ReplicatedServer Primary => servers[primary];

    public ReplicatedServer Standby => servers[1 - primary];

    /// <summary>Starts both; the standby has received everything so far.</summary>
    public static async Task<PrimaryAndStandby> StartAsync()
    {
        var account = UnprivilegedAccount.IsNeeded ? UnprivilegedAccount.Choose() : null;
        var binaries = await PostgresBinaries.FindAsync(
            new EmbeddedPostgresOptions { DataFolder = Path.GetTempPath() },
            major: null,
            Path.GetTempPath(),
            account,
            NullLogger.Instance,
            default
        );
        var pair = new PrimaryAndStandby(binaries, account?.Name);
        await PreparedCluster.CopyToAsync(pair.folder);
        Directory.CreateDirectory(pair.folder);
        Directory.Move(Path.Combine(pair.folder, "postgres", PostgresPlace.DataName), pair.Primary.Data);
        var password = await File.ReadAllTextAsync(Path.Combine(pair.folder, "postgres", PostgresPlace.PasswordName));
        foreach (var server in pair.servers)
        {
            server.Password = password.Trim();
        }

        if (account is not null)
        {
            await account.TakeOverAsync(pair.folder, default);
        }

        await pair.Primary.StartAsync();
        await pair.AttachAsync();
        return pair;
    }

    /// <summary>Makes the other server a standby of the primary, from a copy of its data, and starts it.</summary>
    public async Task AttachAsync()
    {
        await Standby.CopyAsync(Primary);
        await Standby.StartAsync();
        await CatchUpAsync();
    }

    /// <summary>Waits until the standby has replayed what the primary has written.</summary>
    public async Task CatchUpAsync()
    {
        var written = await Primary.ScalarAsync<string>("SELECT pg_current_wal_lsn()::text");
        await Wait.UntilAsync(
            () => Standby.ScalarAsync<bool>($"SELECT pg_last_wal_replay_lsn() >= '{written}'"),
            "the standby has caught up"
        );
    }

    /// <summary>The standby receives nothing from now on.</summary>
    public async Task DetachAsync()
    {
        await Standby.ScalarAsync<object>("ALTER SYSTEM SET primary_conninfo = ''");
        await Standby.ScalarAsync<object>("SELECT pg_reload_conf()");
        await Wait.UntilAsync(
            () => Standby.ScalarAsync<bool>("SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)"),
            "the standby has let go"
        );
    }

    /// <summary>Ends the primary at once, and promotes the standby; the former primary is down.</summary>
    public async Task FailOverAsync()
    {
        await Primary.SignalAsync("QUIT");
        await PromoteAsync();
    }

    /// <summary>Promotes the standby; the former primary is left as it is.</summary>
    public async Task PromoteAsync()
    {
        primary = 1 - primary;
        Assert.True(await Primary.ScalarAsync<bool>("SELECT pg_promote()"));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in servers)
        {
            await server.DisposeAsync();
        }

        Directory.Delete(folder, recursive: true);
    }
}

/// <summary>One of the servers of a <see cref="PrimaryAndStandby"/>.</summary>
internal sealed class ReplicatedServer(PostgresBinaries binaries, string? account, string data) : IAsyncDisposable
{
    private Process? process;

    public int Port { get; } = FreePort.Find();

    public string Data => data;

    public string Password { get; set; } = "";

    /// <summary>A superuser's, on the server's own database. It waits for no standby.</summary>
    public string ConnectionString =>
        new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1",
            Port = Port,
            Username = PostgresPlace.Superuser,
            Password = Password,
            Database = "postgres",
        }.ConnectionString;

    /// <summary>Starts it, and waits until it answers.</summary>
    public async Task StartAsync()
    {
        string[] settings =
        [
            $"port={Port}",
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=100",
            "fsync=off",
            "wal_keep_size=256MB",
        ];
        process = CommandLineTool.Start(
            binaries.Program("postgres"),
            ["-D", data, .. settings.SelectMany(one => new[] { "-c", one })],
            data,
            account
        );
        _ = process.StandardError.ReadToEndAsync();
        _ = process.StandardOutput.ReadToEndAsync();
        await Wait.UntilAsync(
            async () =>
            {
                Assert.False(process.HasExited, "The server has ended.");
                try
                {
                    return await ScalarAsync<bool>("SELECT true");
                }
                catch (NpgsqlException)
                {
                    return false;
                }
            },
            "the server answers"
        );
    }

    /// <summary>Takes over the data of a primary, to follow it.</summary>
    public async Task CopyAsync(ReplicatedServer source)
    {
        if (Directory.Exists(data))
        {
            Directory.Delete(data, recursive: true);
        }

        var outcome = await CommandLineTool.RunAsync(
            binaries.Program("pg_basebackup"),
            [
                "--pgdata",
                data,
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--no-sync",
                "--dbname",
                $"host=127.0.0.1 port={source.Port} user={PostgresPlace.Superuser} password={source.Password}",
            ],
            Path.GetDirectoryName(data)!,
            account,
            default
        );
        Assert.True(outcome.Succeeded, outcome.Output);
    }

    /// <summary>Sends a signal, and waits for the end unless it only halts: INT is PostgreSQL's fast shutdown, QUIT its immediate one.</summary>
    public async Task SignalAsync(string signal)
    {
        // The sessions are processes of their own: to hang, all of the server has to be stopped.
        var ids = signal is "STOP" or "CONT"
            ? (await RunAsync("pgrep", "-P", $"{process!.Id}")).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            : [];
        await RunAsync("kill", [$"-{signal}", $"{process!.Id}", .. ids]);
        if (signal is not ("STOP" or "CONT"))
        {
            await process.WaitForExitAsync();
        }
    }

    /// <summary>Runs statements in one of its databases, and returns the first value.</summary>
    public async Task<T?> ScalarAsync<T>(string sql, string database = "postgres")
    {
        var settings = new NpgsqlConnectionStringBuilder(ConnectionString)
        {
            Database = database,
            Pooling = false,
            Options = "-c synchronous_commit=off", // it waits for no standby
        };
        await using var connection = new NpgsqlConnection(settings.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync() is T value ? value : default;
    }

    /// <summary>The same; false while the server refuses it.</summary>
    public async Task<bool> TryAsync(string sql, string database)
    {
        try
        {
            return await ScalarAsync<bool>(sql, database);
        }
        catch (PostgresException)
        {
            return false;
        }
    }

    /// <summary>Makes each COMMIT wait for these standbys; none with an empty name.</summary>
    public async Task WaitForStandbyAsync(string names)
    {
        await ScalarAsync<object>($"ALTER SYSTEM SET synchronous_standby_names = '{names}'");
        await ScalarAsync<object>("SELECT pg_reload_conf()");
        await Wait.UntilAsync(
            () => ScalarAsync<bool>($"SELECT current_setting('synchronous_standby_names') = '{names}'"),
            "the setting is in force"
        );
    }

    /// <summary>Waits until a COMMIT waits for a standby.</summary>
    public Task HasWaitingCommitAsync() =>
        Wait.UntilAsync(
            () => ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep')"),
            "a COMMIT waits for its standby"
        );

    public async ValueTask DisposeAsync()
    {
        if (process is { HasExited: false })
        {
            await SignalAsync("CONT");
            await SignalAsync("QUIT");
        }

        process?.Dispose();
    }

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var run = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        var output = await run.StandardOutput.ReadToEndAsync();
        await run.WaitForExitAsync();
        return output;
    }
}
