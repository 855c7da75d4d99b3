using System.Diagnostics;
using System.Globalization;

namespace Exact.Infrastructure.Database.Embedded;

/// <summary>
/// The file <c>postmaster.pid</c> of a running server, or of a killed one
/// (https://www.postgresql.org/docs/current/storage-file-layout.html).
/// </summary>
/// <param name="Port">Null if the file does not contain it.</param>
internal sealed record PostmasterFile(int ProcessId, int? Port, bool IsReady)
{
    public static string PathIn(string dataFolder) => Path.Combine(dataFolder, "postmaster.pid");

    /// <summary>Reads the file; null if it does not exist or is incomplete.</summary>
    public static PostmasterFile? Read(string dataFolder)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllText(PathIn(dataFolder)).Split('\n'); // not ReadLines: a folder's name may contain \r
        }
        catch (IOException)
        {
            return null;
        }

        if (lines.Length <= 4 || !int.TryParse(lines[0], CultureInfo.InvariantCulture, out var processId))
        {
            return null;
        }

        // A line feed in the folder's name shifts the port to a line that the server overwrites.
        int? port =
            dataFolder.Contains('\n', StringComparison.Ordinal) ? null
            : int.TryParse(lines[3], CultureInfo.InvariantCulture, out var number) ? number
            : null;
        return new PostmasterFile(processId, port, lines.Length > 7 && lines[7].Trim() == "ready");
    }

    /// <summary>Whether the process is alive and is the server of this folder, not another one with its id.</summary>
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

    // A dead server keeps its id until its parent collects it, and in a container the parent may never do so.
    private bool IsZombie()
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{ProcessId}/stat");
            return stat.AsSpan(stat.LastIndexOf(')') + 1).TrimStart().StartsWith("Z");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // not Linux, or not permitted
        }
    }

    // A server's working folder is its data folder. If the system does not tell (not Linux), the process's name must
    // do.
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

    // The system reports the folder without symbolic links, and our path may contain some.
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
