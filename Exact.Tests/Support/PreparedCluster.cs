using System.Diagnostics;
using Exact.Infrastructure.Database;
using Microsoft.Extensions.Logging.Abstractions;

namespace Exact.Tests.Support;

/// <summary>The folder of an embedded server that has never served, to copy: <c>initdb</c> takes longer than many a test.</summary>
internal static class PreparedCluster
{
    private static readonly Lazy<Task<string>> Made = new(MakeAsync);

    public static async Task CopyToAsync(string folder)
    {
        using var copy = Process.Start("cp", ["--archive", await Made.Value, folder]);
        await copy.WaitForExitAsync();
        Assert.Equal(0, copy.ExitCode);
    }

    private static async Task<string> MakeAsync()
    {
        var folder = Path.Combine(Path.GetTempPath(), $"exact-prepared-{Guid.NewGuid():N}");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        var options = new EmbeddedPostgresOptions { DataFolder = folder, Durable = false };
        await using (await EmbeddedPostgres.StartAsync(options, NullLogger.Instance)) { }

        File.Delete(Path.Combine(folder, "port")); // each copy finds one of its own
        return folder;
    }
}
