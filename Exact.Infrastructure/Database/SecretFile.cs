namespace Exact.Infrastructure.Database;

/// <summary>A file that contains a secret and nothing else, such as a container secret.</summary>
internal static class SecretFile
{
    /// <summary>Reads the secret without surrounding white space.</summary>
    /// <param name="setting">The setting that names the file.</param>
    /// <param name="path">The path. No message repeats it, because it may be the secret itself by mistake.</param>
    /// <exception cref="SettingException">The file cannot be read.</exception>
    public static string Read(string setting, string path)
    {
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            var problem = e switch
            {
                FileNotFoundException or DirectoryNotFoundException => "does not exist",
                UnauthorizedAccessException => "may not be read by this account",
                _ => "cannot be read",
            };
            throw new SettingException(
                setting,
                $"must be the path of a file. The file {problem}. Correct the path, or the permissions of the file."
            );
        }
    }
}
