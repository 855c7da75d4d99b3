namespace Exact.Infrastructure.Database.Embedded;

/// <summary>
/// Creates files and folders that only their owner can read; on Windows they inherit the folder's permissions.
/// </summary>
internal static class PrivateFiles
{
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    // The server's unprivileged account has to pass through root's folder, but cannot list it.
    private const UnixFileMode PassedThrough = Owner | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    public static void CreateFolder(string path) =>
        CreateFolder(path, Environment.IsPrivilegedProcess ? PassedThrough : Owner);

    public static void CreateClosedFolder(string path) => CreateFolder(path, Owner);

    /// <summary>
    /// Whether the file system keeps modes, unlike that of Windows in WSL, or of a shared or FAT drive.
    /// </summary>
    public static bool KeepsModes(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            return true;
        }

        var probe = Path.Combine(folder, $"probe-{Guid.NewGuid():N}");
        CreateClosedFolder(probe);
        try
        {
            return File.GetUnixFileMode(probe) == Owner;
        }
        finally
        {
            Directory.Delete(probe);
        }
    }

    /// <summary>Writes a new file; fails if it exists.</summary>
    public static void Write(string path, string content)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using var writer = new StreamWriter(path, options);
        writer.Write(content);
    }

    private static void CreateFolder(string path, UnixFileMode mode)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(path, mode);
        }
    }
}
