namespace Exact.Infrastructure.Database;

/// <summary>A file that holds a secret and nothing else, such as a container secret.</summary>
internal static class SecretFile
{
    /// <summary>Reads the secret, without white space around it.</summary>
    /// <param name="setting">The setting that names the file.</param>
    /// <param name="path">Its value. It is not repeated: somebody may have put the secret itself there.</param>
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
                UnauthorizedAccessException => "must not be read by this account",
                _ => "cannot be read",
            };
            throw new SettingException(setting, $"has to be the path of a file; the one that it names {problem}.");
        }
    }
}
