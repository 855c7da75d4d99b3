namespace Exact.Infrastructure.Database.Embedded;

/// <summary>Files and folders that are nobody else's business. On Windows the user's profile already sees to that.</summary>
internal static class PrivateFiles
{
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    // Root's folder has to let the server's unprivileged account through to its own part; what lies in it stays unreadable.
    private const UnixFileMode PassedThrough = Owner | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    public static void CreateFolder(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(path, Environment.IsPrivilegedProcess ? PassedThrough : Owner);
        }
    }

    /// <summary>Writes a new file; fails if there is one.</summary>
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
}
