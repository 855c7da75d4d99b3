using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Database.Embedded;
using Exact.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Exact.Tests.Database;

/// <summary>The embedded server from its first start to its last.</summary>
public sealed class EmbeddedPostgresTests : EmbeddedPostgresFolder
{
    [Fact]
    public async Task It_keeps_its_data_and_its_port_between_runs()
    {
        int port;
        await using (var first = await StartAsync())
        {
            port = PortOf(first.ConnectionString);
            await ScalarAsync(first.ConnectionString, "CREATE TABLE kept AS SELECT 42 AS answer");
        }

        await using var second = await StartAsync();

        Assert.Equal(42, await ScalarAsync(second.ConnectionString, "SELECT answer FROM kept"));
        Assert.Equal(port, PortOf(second.ConnectionString));
    }

    [Fact]
    public async Task It_stores_UTF8_and_knows_upper_case_beyond_ASCII()
    {
        await using var server = await StartAsync();

        Assert.Equal("UTF8", await ScalarAsync(server.ConnectionString, "SHOW server_encoding"));
        Assert.Equal("É", await ScalarAsync(server.ConnectionString, "SELECT upper('é')"));
    }

    [Fact]
    public async Task It_listens_on_loopback_only_and_nowhere_else()
    {
        await PreparedCluster.CopyToAsync(Folder);
        await using var server = await StartAsync();

        Assert.Equal("127.0.0.1", await ScalarAsync(server.ConnectionString, "SHOW listen_addresses"));
        Assert.Equal("", await ScalarAsync(server.ConnectionString, "SHOW unix_socket_directories"));

        // Whatever address this machine has besides loopback, the port is closed there.
        foreach (var address in (await Dns.GetHostAddressesAsync(Dns.GetHostName(), Cancelled)).Where(IsOutward))
        {
            using var client = new TcpClient(address.AddressFamily);
            await Assert.ThrowsAsync<SocketException>(async () =>
                await client.ConnectAsync(address, PortOf(server.ConnectionString), Cancelled)
            );
        }
    }

    [Fact]
    public async Task A_wrong_password_is_rejected()
    {
        await PreparedCluster.CopyToAsync(Folder);
        await using var server = await StartAsync();
        var intruder = new NpgsqlConnectionStringBuilder(server.ConnectionString) { Password = "guess" };

        var refusal = await Assert.ThrowsAsync<PostgresException>(() =>
            ScalarAsync(intruder.ConnectionString, "SELECT 1")
        );

        Assert.Equal(PostgresErrorCodes.InvalidPassword, refusal.SqlState);
        Assert.Equal("scram-sha-256", await ScalarAsync(server.ConnectionString, "SHOW password_encryption"));
    }

    [Fact, UnsupportedOSPlatform("windows")]
    public async Task Only_the_owner_can_read_its_files()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no file modes.");
        await using var server = await StartAsync();
        AdminKeyFile.ReadOrCreate(Folder);

        const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        Assert.Equal(Owner, File.GetUnixFileMode(Path.Combine(Home, "password")));
        Assert.Equal(Owner, File.GetUnixFileMode(Path.Combine(Folder, "admin-key")));
        Assert.Equal(Owner | UnixFileMode.UserExecute, File.GetUnixFileMode(Home));
        Assert.Equal(Owner | UnixFileMode.UserExecute, File.GetUnixFileMode(Data));
    }

    [Fact]
    public async Task Four_processes_that_start_at_once_share_one_server_and_the_last_one_stops_it()
    {
        var users = Enumerable.Range(0, 4).Select(_ => new EmbeddedPostgresUser(Folder)).ToList();
        try
        {
            var servers = await Task.WhenAll(users.Select(user => user.ConnectionStringAsync()));

            Assert.Single(servers.Distinct());
            foreach (var user in users)
            {
                Assert.Equal(1, await ScalarAsync(servers[0], "SELECT 1"));
                await user.LeaveAsync();
            }

            Assert.False(File.Exists(PostmasterFile.PathIn(Data)));
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => ScalarAsync(servers[0], "SELECT 1"));
        }
        finally
        {
            users.ForEach(user => user.Dispose());
        }
    }

    [Fact]
    public async Task Instances_that_come_and_go_all_the_time_always_find_it_running()
    {
        await PreparedCluster.CopyToAsync(Folder);
        await Parallel.ForEachAsync(
            Enumerable.Range(0, 12),
            new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = Cancelled },
            async (_, _) =>
            {
                await using var server = await StartAsync();
                Assert.Equal(1, await ScalarAsync(server.ConnectionString, "SELECT 1"));
            }
        );

        Assert.False(File.Exists(PostmasterFile.PathIn(Data)));
    }

    [Fact]
    public async Task The_server_of_a_killed_process_is_used_by_the_next_one_which_also_stops_it()
    {
        using var killed = new EmbeddedPostgresUser(Folder);
        var connectionString = await killed.ConnectionStringAsync();
        await killed.KillAsync();
        var process = PostmasterFile.Read(Data)!.ProcessId;

        await using (var next = await StartAsync())
        {
            Assert.Equal(connectionString, next.ConnectionString);
            Assert.Equal(process, PostmasterFile.Read(Data)!.ProcessId);
        }

        Assert.False(File.Exists(PostmasterFile.PathIn(Data)));
    }

    [Fact]
    public async Task A_killed_server_recovers_with_everything_that_was_committed()
    {
        await PreparedCluster.CopyToAsync(Folder);
        await using var first = await StartAsync();
        await ScalarAsync(first.ConnectionString, "CREATE TABLE kept AS SELECT 42 AS answer");
        KillServer();

        await using var second = await StartAsync();

        Assert.Equal(42, await ScalarAsync(second.ConnectionString, "SELECT answer FROM kept"));
    }

    [Fact]
    public async Task It_starts_although_another_process_has_its_old_id()
    {
        await PreparedCluster.CopyToAsync(Folder);
        await using (await StartAsync()) { }
        var file = PostmasterFile.PathIn(Data);
        await File.WriteAllTextAsync(
            file,
            $"{Environment.ProcessId}\n{Data}\n1\n5432\n\n127.0.0.1\n\nready\n",
            Cancelled
        );

        await using var server = await StartAsync();

        Assert.Equal(1, await ScalarAsync(server.ConnectionString, "SELECT 1"));
    }

    [Fact]
    public async Task A_cluster_that_was_left_half_made_is_made_again()
    {
        PrivateFiles.CreateFolder(Folder);
        var half = Directory.CreateDirectory(Path.Combine(Folder, "postgres.new", "data"));
        await File.WriteAllTextAsync(Path.Combine(half.FullName, "PG_VERSION"), "15", Cancelled);

        await using var server = await StartAsync();

        Assert.Equal(1, await ScalarAsync(server.ConnectionString, "SELECT 1"));
        Assert.False(Directory.Exists(half.Parent!.FullName));
    }

    [Fact]
    public async Task A_process_killed_while_it_creates_the_cluster_does_not_block_the_next_start()
    {
        using (var maker = new EmbeddedPostgresUser(Folder))
        {
            await UntilAsync(() => Directory.Exists(Path.Combine(Folder, "postgres.new", "data", "base")));
            await maker.KillAsync(); // its initdb goes on for a while
        }

        await using var server = await StartAsync();

        Assert.Equal(1, await ScalarAsync(server.ConnectionString, "SELECT 1"));
    }

    [Fact]
    public async Task A_port_that_another_program_has_taken_is_left_to_it()
    {
        await PreparedCluster.CopyToAsync(Folder);
        int port;
        await using (var first = await StartAsync())
        {
            port = PortOf(first.ConnectionString);
        }

        using var other = new TcpListener(IPAddress.Loopback, port);
        other.Start();
        await using var second = await StartAsync();

        Assert.NotEqual(port, PortOf(second.ConnectionString));
        Assert.Equal(1, await ScalarAsync(second.ConnectionString, "SELECT 1"));
    }

    [Fact]
    public async Task Without_programs_it_lists_the_alternatives()
    {
        var options = new EmbeddedPostgresOptions
        {
            DataFolder = Folder,
            BinaryFolders = [],
            Download = false,
        };

        var failure = await Assert.ThrowsAsync<EmbeddedPostgresException>(() =>
            EmbeddedPostgres.StartAsync(options, NullLogger.Instance, Cancelled)
        );

        Assert.Contains("Install PostgreSQL", failure.Message);
        Assert.Contains("docker compose up --build", failure.Message);
        Assert.Contains("ConnectionStrings__Exact=", failure.Message);
    }

    [Fact]
    public async Task A_cluster_of_a_version_that_is_not_installed_is_left_alone_and_the_version_named()
    {
        await PreparedCluster.CopyToAsync(Folder);
        await using (await StartAsync()) { }
        await File.WriteAllTextAsync(Path.Combine(Data, "PG_VERSION"), "99\n", Cancelled);

        var failure = await Assert.ThrowsAsync<EmbeddedPostgresException>(() =>
            EmbeddedPostgres.StartAsync(
                new EmbeddedPostgresOptions { DataFolder = Folder, Download = false },
                NullLogger.Instance,
                Cancelled
            )
        );

        Assert.StartsWith("PostgreSQL 99 was not found", failure.Message);
    }

    [Fact, UnsupportedOSPlatform("windows")]
    public async Task As_root_the_data_of_a_private_project_is_kept_where_the_server_can_reach_it()
    {
        Assert.SkipUnless(UnprivilegedAccount.IsNeeded, "Only root's server runs under another account.");
        var project = Directory.CreateDirectory(Folder);
        File.SetUnixFileMode(Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var options = new EmbeddedPostgresOptions
        {
            DataFolder = Path.Combine(project.FullName, ".exact"),
            Durable = false,
        };
        var place = await PostgresPlace.ChooseAsync(options.DataFolder, NullLogger.Instance, Cancelled);
        try
        {
            await using (var first = await EmbeddedPostgres.StartAsync(options, NullLogger.Instance, Cancelled))
            {
                await ScalarAsync(first.ConnectionString, "CREATE TABLE kept AS SELECT 42 AS answer");
            }

            await using var second = await EmbeddedPostgres.StartAsync(options, NullLogger.Instance, Cancelled);

            Assert.StartsWith("/var/lib/exact/", place.Folder);
            Assert.Equal(42, await ScalarAsync(second.ConnectionString, "SELECT answer FROM kept"));
        }
        finally
        {
            Directory.Delete(place.Folder, recursive: true);
        }
    }

    [Fact]
    public async Task It_works_for_an_ordinary_user()
    {
        var account = UnprivilegedAccount.IsNeeded ? UnprivilegedAccount.Choose() : null;
        if (account is not null)
        {
            foreach (var needed in new[] { AppContext.BaseDirectory, RuntimeEnvironment.GetRuntimeDirectory() })
            {
                Assert.SkipUnless(
                    await account.CanReachAsync(needed, Cancelled),
                    $"The account {account.Name} cannot reach {needed}."
                );
            }

            Directory.CreateDirectory(Folder);
            await account.TakeOverAsync(Folder, Cancelled);
        }

        using var user = new EmbeddedPostgresUser(Folder, account?.Name ?? "");

        Assert.Equal(1, await ScalarAsync(await user.ConnectionStringAsync(), "SELECT 1"));
        await user.LeaveAsync();
    }

    [Fact]
    public async Task The_admin_key_is_made_once_by_the_first_process()
    {
        var keys = await Task.WhenAll(
            Enumerable.Range(0, 16).Select(_ => Task.Run(() => AdminKeyFile.ReadOrCreate(Folder)))
        );

        Assert.Equal(43, Assert.Single(keys.Distinct()).Length); // 32 bytes in base64url
        Assert.Equal(["admin-key", "admin-key.lock"], Directory.GetFiles(Folder).Select(Path.GetFileName).Order());
    }

    private void KillServer()
    {
        using var server = Process.GetProcessById(PostmasterFile.Read(Data)!.ProcessId);
        server.Kill();
    }

    private static int PortOf(string connectionString) => new NpgsqlConnectionStringBuilder(connectionString).Port;

    private static bool IsOutward(IPAddress address) =>
        !IPAddress.IsLoopback(address) && address.AddressFamily == AddressFamily.InterNetwork;
}
