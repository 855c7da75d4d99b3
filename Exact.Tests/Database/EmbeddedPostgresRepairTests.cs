using System.Diagnostics;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Database.Embedded;
using Exact.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Exact.Tests.Database;

/// <summary>
/// The embedded server after it has died, after a power failure, and when its process is told to end early.
/// </summary>
public sealed class EmbeddedPostgresRepairTests : IDisposable
{
    private readonly string folder = Path.Combine(Path.GetTempPath(), $"exact-repair-{Guid.NewGuid():N}");

    private string Home => Path.Combine(folder, "postgres");

    private string Data => Path.Combine(Home, "data");

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task A_server_that_dies_is_started_again_on_its_port()
    {
        await using var server = await StartAsync(Cancelled);
        await ScalarAsync(server.ConnectionString, "CREATE TABLE kept AS SELECT 42 AS answer");
        var died = PostmasterFile.Read(Data)!;
        using (var process = Process.GetProcessById(died.ProcessId))
        {
            process.Kill();
        }

        await UntilAsync(() => PostmasterFile.Read(Data) is { IsReady: true } now && now.ProcessId != died.ProcessId);

        Assert.Equal(42, await ScalarAsync(server.ConnectionString, "SELECT answer FROM kept"));
    }

    [Theory]
    [InlineData("data/postmaster.pid", "", "is empty or damaged, as after a power failure")]
    [InlineData("data/postmaster.pid", "not a process\n", "delete the file and start Exact again")]
    [InlineData("data/PG_VERSION", "", "is empty or damaged, so the version of the database in that folder is unknown")]
    [InlineData("data/PG_VERSION", "x", "move {Home} away, and Exact creates a new database")]
    [InlineData("password", "", "It holds the password of the embedded PostgreSQL")]
    public async Task A_damaged_file_is_named_with_the_way_out(string file, string content, string expected)
    {
        await using (await StartAsync(Cancelled)) { }
        var path = Path.Combine(Home, file);
        await File.WriteAllTextAsync(path, content, Cancelled);

        var failure = await Assert.ThrowsAsync<EmbeddedPostgresException>(() => StartAsync(Cancelled));

        Assert.Contains(path, failure.Message);
        Assert.Contains(expected.Replace("{Home}", Home), failure.Message);
        Assert.Equal(content, await File.ReadAllTextAsync(path, Cancelled));
    }

    [Fact]
    public async Task A_port_file_without_a_usable_port_is_written_again()
    {
        foreach (var content in (string[])["", "x", "-1", "0", "80", "99999", "12345678901"])
        {
            PrivateFiles.CreateFolder(folder);
            await File.WriteAllTextAsync(Path.Combine(folder, "port"), content, Cancelled);

            await using var server = await StartAsync(Cancelled);

            Assert.Equal(1, await ScalarAsync(server.ConnectionString, "SELECT 1"));
        }
    }

    [Fact]
    public async Task A_start_that_is_cancelled_leaves_no_server_behind()
    {
        await using (await StartAsync(Cancelled)) { }
        for (var delay = 0; delay < 400; delay += 80)
        {
            using var cancel = new CancellationTokenSource(delay); // anywhere in the start, which takes about as long
            try
            {
                await using var server = await StartAsync(cancel.Token);
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
        PrivateFiles.CreateFolder(folder);
        var data = Path.Combine(folder, ".exact", "postgres", "data");
        await using var service = ExactProcess.Develop(folder);
        if (early)
        {
            await UntilAsync(() => Directory.Exists(Path.Combine(folder, ".exact", "postgres.new", "data")));
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
        var (source, mounted) = (Path.Combine(folder, "source"), Path.Combine(folder, "mounted"));
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

            Assert.False(place.Folder.StartsWith(folder, StringComparison.Ordinal));
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

    private Task<EmbeddedPostgres> StartAsync(CancellationToken cancellationToken) =>
        EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions { DataFolder = folder, Durable = false },
            NullLogger.Instance,
            cancellationToken
        );

    private static async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(1, Cancelled);
        }
    }

    private static async Task<object?> ScalarAsync(string connectionString, string sql)
    {
        var server = new NpgsqlConnectionStringBuilder(connectionString) { Database = "postgres", Pooling = false };
        await using var connection = new NpgsqlConnection(server.ConnectionString);
        await connection.OpenAsync(Cancelled);
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(Cancelled);
    }
}
