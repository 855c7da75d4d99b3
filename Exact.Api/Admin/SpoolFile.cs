namespace Exact.Api.Admin;

/// <summary>A file that only this process can read, and that ends with it: not even a killed process leaves one behind.</summary>
internal static class SpoolFile
{
    /// <exception cref="IOException">The folder takes no files.</exception>
    public static FileStream Create(string folder)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.None,
            Options = FileOptions.Asynchronous | FileOptions.SequentialScan,
        };
        if (OperatingSystem.IsWindows())
        {
            options.Options |= FileOptions.DeleteOnClose; // the system's doing, also when the process is killed
        }
        else
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        var file = new FileStream(Path.Combine(folder, $"exact-upload-{Guid.NewGuid():N}"), options);
        if (!OperatingSystem.IsWindows())
        {
            File.Delete(file.Name); // the name goes; what is open stays until it is closed
        }

        return file;
    }
}
