using System.Diagnostics;
using System.Globalization;

namespace Exact.Infrastructure.Database.Embedded;

/// <summary>
/// What a running server writes into its data folder: process id, data folder, start time, port, socket folder, address, shared memory,
/// state, one a line (https://www.postgresql.org/docs/current/storage-file-layout.html). A killed server leaves it behind.
/// </summary>
/// <param name="Port">Null where the file does not say.</param>
internal sealed record PostmasterFile(int ProcessId, int? Port, bool IsReady)
{
    public static string PathIn(string dataFolder) => Path.Combine(dataFolder, "postmaster.pid");

    /// <summary>The file, or null if there is none or it is not yet written to the end.</summary>
    public static PostmasterFile? Read(string dataFolder)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllText(PathIn(dataFolder)).Split('\n'); // a folder's name may have another end of line
        }
        catch (IOException)
        {
            return null;
        }

        if (lines.Length <= 4 || !int.TryParse(lines[0], CultureInfo.InvariantCulture, out var processId))
        {
            return null;
        }

        // A line feed in the folder's name shifts the port to a line that the server then overwrites; the state stays.
        int? port =
            dataFolder.Contains('\n', StringComparison.Ordinal) ? null
            : int.TryParse(lines[3], CultureInfo.InvariantCulture, out var number) ? number
            : null;
        return new PostmasterFile(processId, port, lines.Length > 7 && lines[7].Trim() == "ready");
    }

    /// <summary>Whether the process lives and is the server of this folder: after a crash its number may be anybody's.</summary>
    public bool IsAlive(string dataFolder)
    {
        try
        {
            using var process = Process.GetProcessById(ProcessId);
            return process.ProcessName.StartsWith("post", StringComparison.OrdinalIgnoreCase) // postgres, postmaster
                && !process.HasExited
                && !IsZombie()
                && !WorksElsewhere(dataFolder);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            return false;
        }
    }

    // A dead server that nobody has collected (a container's first process often is no init) still has its number.
    private bool IsZombie()
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{ProcessId}/stat");
            return stat.AsSpan(stat.LastIndexOf(')') + 1).TrimStart().StartsWith("Z");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // not Linux, or not told
        }
    }

    // A server works in its data folder. Where the system does not say (not Linux, or a container's root), its name has to do.
    private bool WorksElsewhere(string dataFolder)
    {
        try
        {
            var folder = new FileInfo($"/proc/{ProcessId}/cwd").ResolveLinkTarget(returnFinalTarget: true);
            return folder is not null && folder.FullName != TrueName(dataFolder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    // The system names the folder without symbolic links; we may have come to it through some.
    private static string TrueName(string path)
    {
        if (Path.GetDirectoryName(path) is not { } parent)
        {
            return path;
        }

        var here = Path.Combine(TrueName(parent), Path.GetFileName(path));
        return new DirectoryInfo(here).ResolveLinkTarget(returnFinalTarget: false) is { } target
            ? TrueName(target.FullName)
            : here;
    }
}
