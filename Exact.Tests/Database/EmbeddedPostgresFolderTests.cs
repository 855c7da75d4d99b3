using System.Diagnostics;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Database.Embedded;
using Exact.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace Exact.Tests.Database;

/// <summary>
/// The embedded server in folders with names that a shell would change, and in terminals that send signals.
/// </summary>
public sealed class EmbeddedPostgresFolderTests : EmbeddedPostgresFolder
{
    public EmbeddedPostgresFolderTests() => PrivateFiles.CreateFolder(Folder);

    [Theory]
    [InlineData("`touch X` $(touch X) \"; touch X; \" '; touch X; '")]
    [InlineData(" a & touch X | b > c; $HOME and  ${HOME}\\")]
    [InlineData("-D %TEMP% *?[a] ~ # ! two\nlines, a\rreturn\tand a tab, äöü 数据 ")]
    public async Task A_folder_may_have_any_name(string name)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such names.");
        var folder = Path.Combine(Folder, name);
        string connectionString;
        await using (var first = await StartAsync(folder, Cancelled))
        {
            connectionString = first.ConnectionString;
            await ScalarAsync(connectionString, "CREATE TABLE kept AS SELECT 42 AS answer");
            await using var joined = await StartAsync(folder, Cancelled);
            Assert.Equal(connectionString, joined.ConnectionString);
        }

        Assert.False(File.Exists(PostmasterFile.PathIn(Path.Combine(folder, "postgres", "data"))));
        await using var second = await StartAsync(folder, Cancelled);

        Assert.Equal(connectionString, second.ConnectionString);
        Assert.Equal(42, await ScalarAsync(second.ConnectionString, "SELECT answer FROM kept"));
        Assert.Contains(
            "database system is ready to accept connections",
            await File.ReadAllTextAsync(Path.Combine(folder, "postgres", "server.log"), Cancelled)
        );
        Assert.Empty(Directory.EnumerateFiles(Folder, "X", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Programs_are_not_downloaded_into_a_folder_whose_name_a_shell_would_interpret()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such names.");
        var options = new EmbeddedPostgresOptions
        {
            DataFolder = Path.Combine(Folder, "`touch X`"),
            BinaryFolders = [],
        };

        var failure = await Assert.ThrowsAsync<EmbeddedPostgresException>(() =>
            EmbeddedPostgres.StartAsync(options, NullLogger.Instance, Cancelled)
        );

        Assert.Contains("it cannot be downloaded into", failure.Message);
        Assert.Contains("Install PostgreSQL", failure.Message);
    }

    [Theory]
    [InlineData("INT")] // Ctrl+C
    [InlineData("HUP")] // the terminal is closed
    [InlineData("QUIT")]
    [InlineData("TERM")]
    public async Task A_signal_to_all_processes_of_a_terminal_does_not_reach_the_server(string signal)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux has setsid.");
        using var user = new EmbeddedPostgresUser(Folder, inSession: true);
        var connectionString = await user.ConnectionStringAsync();

        await user.SignalGroupAsync(signal);

        await AssertServesAsync(connectionString);
    }

    [Fact]
    public async Task Ending_a_process_with_its_children_does_not_end_the_server()
    {
        using var user = new EmbeddedPostgresUser(Folder);
        var connectionString = await user.ConnectionStringAsync();

        await user.KillTreeAsync();

        await AssertServesAsync(connectionString);
    }

    [Fact]
    public async Task A_running_server_keeps_no_pipe_to_the_process_that_started_it()
    {
        await PreparedCluster.CopyToAsync(Folder);
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux tells which files a process has open.");
        var before = PipesOf(Environment.ProcessId); // what we were given ourselves
        await using var server = await StartAsync();
        var process = PostmasterFile.Read(Data)!.ProcessId;

        var theirs = PipesOf(process);

        Assert.Empty(theirs.Except(before).Intersect(PipesOf(Environment.ProcessId)));
    }

    [Fact]
    public async Task Settings_that_the_server_rejects_are_named_at_once()
    {
        await PreparedCluster.CopyToAsync(Folder);
        await using (await StartAsync()) { }
        await File.AppendAllTextAsync(
            Path.Combine(Folder, "postgres", "data", "postgresql.conf"),
            "\nshared_buffers = nonsense\n",
            Cancelled
        );
        var started = Stopwatch.GetTimestamp();

        var failure = await Assert.ThrowsAsync<EmbeddedPostgresException>(() => StartAsync());

        Assert.Contains("shared_buffers", failure.Message);
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromSeconds(60));
    }

    /// <summary>It is the same server, which the next one joins and stops.</summary>
    private async Task AssertServesAsync(string connectionString)
    {
        Assert.Equal(1, await ScalarAsync(connectionString, "SELECT 1"));
        await using var next = await StartAsync();
        Assert.Equal(connectionString, next.ConnectionString);
    }

    private static HashSet<string> PipesOf(int process) =>
        [
            .. new DirectoryInfo($"/proc/{process}/fd")
                .EnumerateFiles()
                .Select(file => file.LinkTarget)
                .OfType<string>()
                .Where(target => target.StartsWith("pipe:", StringComparison.Ordinal)),
        ];
}
