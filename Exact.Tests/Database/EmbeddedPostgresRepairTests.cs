using System.Diagnostics;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Database.Embedded;
using Exact.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace Exact.Tests.Database;

/// <summary>
/// The embedded server after it has died, after a power failure, and when its process is told to end early.
/// </summary>
public sealed class EmbeddedPostgresRepairTests : EmbeddedPostgresFolder
{
    [Fact]
    public async Task A_server_that_dies_is_started_again_on_its_port()
    {
        await PreparedCluster.CopyToAsync(Folder);
        await using var server = await StartAsync();
        await ScalarAsync(server.ConnectionString, "CREATE TABLE kept AS SELECT 42 AS answer");
        var died = PostmasterFile.Read(Data)!;
        using (var process = Process.GetProcessById(died.ProcessId))
        {
            process.Kill();
        }

        await UntilAsync(() => PostmasterFile.Read(Data) is { IsReady: true } now && now.ProcessId != died.ProcessId);

        Assert.Equal(42, await ScalarAsync(server.ConnectionString, "SELECT answer FROM kept"));
    }

    [Fact]
    public async Task A_damaged_file_is_named_with_the_way_out()
    {
        await PreparedCluster.CopyToAsync(Folder);
        await using (await StartAsync()) { }
        (string File, string Content, string Expected)[] damages =
        [
            ("data/postmaster.pid", "", "is empty or damaged, as after a power failure"),
            ("data/postmaster.pid", "not a process\n", "delete the file and start Exact again"),
            ("data/PG_VERSION", "", "is empty or damaged, so the version of the database in that folder is unknown"),
            ("data/PG_VERSION", "x", $"move {Home} away, and Exact creates a new database"),
            ("password", "", "It holds the password of the embedded PostgreSQL"),
        ];
        foreach (var (file, content, expected) in damages)
        {
            var path = Path.Combine(Home, file);
            var good = File.Exists(path) ? await File.ReadAllTextAsync(path, Cancelled) : null;
            await File.WriteAllTextAsync(path, content, Cancelled);

            var failure = await Assert.ThrowsAsync<EmbeddedPostgresException>(() => StartAsync());

            Assert.Contains(path, failure.Message);
            Assert.Contains(expected, failure.Message);
            Assert.Equal(content, await File.ReadAllTextAsync(path, Cancelled));
            File.Delete(path);
            if (good is not null)
            {
                await File.WriteAllTextAsync(path, good, Cancelled);
            }
        }
    }

    [Fact]
    public async Task A_port_file_without_a_usable_port_is_written_again()
    {
        foreach (var content in (string[])["", "x", "-1", "0", "80", "99999", "12345678901"])
        {
            PrivateFiles.CreateFolder(Folder);
            await File.WriteAllTextAsync(Path.Combine(Folder, "port"), content, Cancelled);

            await using var server = await StartAsync();

            Assert.Equal(1, await ScalarAsync(server.ConnectionString, "SELECT 1"));
        }
    }

    [Fact]
    public async Task A_start_that_is_cancelled_leaves_no_server_behind()
    {
        await PreparedCluster.CopyToAsync(Folder);
        await using (await StartAsync()) { }
        for (var delay = 0; delay < 400; delay += 80)
        {
            using var cancel = new CancellationTokenSource(delay); // anywhere in the start, which takes about as long
            try
            {
                await using var server = await StartAsync(Folder, cancel.Token);
            }
            catch (OperationCanceledException)
            {
                // as it was told
            }

            Assert.False(PostmasterFile.Read(Data)?.IsAlive(Data) is true);
        }
    }

    [Theory]
    [InlineData("TERM", true)]
    [InlineData("TERM", false)]
    [InlineData("HUP", false)] // the terminal is closed
    public async Task A_service_that_is_told_to_end_stops_its_server(string signal, bool early)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no signals.");
        PrivateFiles.CreateFolder(Folder);
        var data = Path.Combine(Folder, ".exact", "postgres", "data");
        await using var service = ExactProcess.Develop(Folder);
        if (early)
        {
            await UntilAsync(() => Directory.Exists(Path.Combine(Folder, ".exact", "postgres.new", "data")));
        }
        else
        {
            await service.WaitUntilReadyAsync();
        }

        await service.SignalAsync(signal);
        var code = await service.WaitForExitAsync();

        Assert.Equal(early ? 143 : 0, code);
        Assert.DoesNotContain("Unhandled exception", service.Log);
        Assert.False(PostmasterFile.Read(data)?.IsAlive(data) is true);
    }

    [Fact]
    public async Task On_a_file_system_without_modes_the_data_is_kept_elsewhere()
    {
        var (source, mounted) = (Path.Combine(Folder, "source"), Path.Combine(Folder, "mounted"));
        PrivateFiles.CreateFolder(source);
        PrivateFiles.CreateFolder(mounted);
        Assert.SkipUnless(
            File.Exists("/usr/bin/bindfs")
                && await RunAsync(
                    "bindfs",
                    "--perms=a+rwx",
                    "--chmod-ignore",
                    "--chown-ignore",
                    "-o",
                    "allow_other",
                    source,
                    mounted
                ),
            "bindfs is not installed, or nothing can be mounted here."
        );
        var options = new EmbeddedPostgresOptions { DataFolder = Path.Combine(mounted, ".exact"), Durable = false };
        PrivateFiles.CreateFolder(options.DataFolder);
        var place = await PostgresPlace.ChooseAsync(options.DataFolder, NullLogger.Instance, Cancelled);
        try
        {
            await using var server = await EmbeddedPostgres.StartAsync(options, NullLogger.Instance, Cancelled);

            Assert.False(place.Folder.StartsWith(Folder, StringComparison.Ordinal));
            Assert.Equal(1, await ScalarAsync(server.ConnectionString, "SELECT 1"));
        }
        finally
        {
            await RunAsync("umount", mounted);
            Directory.Delete(place.Folder, recursive: true);
        }
    }

    private static async Task<bool> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        await process.WaitForExitAsync(Cancelled);
        return process.ExitCode == 0;
    }
}
