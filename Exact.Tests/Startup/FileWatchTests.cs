using System.Net;
using Exact.Tests.Support;

namespace Exact.Tests.Startup;

/// <summary>
/// The embedded PostgreSQL keeps its data below the service's folder; a program that watches that is told of every write.
/// </summary>
public sealed class FileWatchTests
{
    [Fact]
    public async Task The_service_watches_no_files()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux tells which files a process has open.");
        await using var replica = ExactProcess.Serve("Host=127.0.0.1;Port=1");
        await replica.WaitUntilAsync("/health/live", HttpStatusCode.OK);

        Assert.DoesNotContain("anon_inode:inotify", replica.OpenFiles);
    }
}
