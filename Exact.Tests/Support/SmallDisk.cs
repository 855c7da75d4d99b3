using System.Diagnostics;
using Exact.Infrastructure.Database.Embedded;

namespace Exact.Tests.Support;

/// <summary>A file system of a few megabytes in memory that a server may write to.</summary>
internal sealed class SmallDisk : IAsyncDisposable
{
    private SmallDisk(string path) => Path = path;

    public string Path { get; }

    /// <summary>Mounts one, or skips the test that asks where nothing can be mounted.</summary>
    public static async Task<SmallDisk> MountAsync(OwnServer server, int megabytes)
    {
        var path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"exact-disk-{Guid.NewGuid():N}");
        Directory.CreateDirectory(path);
        var isMounted =
            OperatingSystem.IsLinux()
            && Environment.IsPrivilegedProcess
            && await RunAsync("mount", "-t", "tmpfs", "-o", $"size={megabytes}m", "tmpfs", path);
        if (!isMounted)
        {
            Directory.Delete(path);
            Assert.Skip("Nothing can be mounted here: run as root, with the right to mount.");
        }

        var account = await UnprivilegedAccount.OwnerOfAsync(server.DataFolder, TestContext.Current.CancellationToken);
        await account.TakeOverAsync(path, TestContext.Current.CancellationToken);
        return new SmallDisk(path);
    }

    public Task GrowAsync(int megabytes) => RunAsync("mount", "-o", $"remount,size={megabytes}m", Path);

    public async ValueTask DisposeAsync()
    {
        await RunAsync("umount", "--lazy", Path); // the server may still be there
        Directory.Delete(Path);
    }

    private static async Task<bool> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        await process.WaitForExitAsync();
        return process.ExitCode == 0;
    }
}
