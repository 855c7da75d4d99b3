namespace Exact.Infrastructure.Database.Embedded;

/// <summary>
/// A lock between processes that the operating system drops with its holder, however the holder ends: flock on Unix, a share
/// mode on Windows. The file itself is never deleted: whoever waits for a deleted file's lock waits for another lock than the next one.
/// </summary>
internal sealed class FileLock : IDisposable
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    private readonly FileStream file;

    private FileLock(FileStream file) => this.file = file;

    /// <summary>Holds the file together with others that share it.</summary>
    public static FileLock Share(string path) =>
        // A reader that admits only readers is what .NET turns into LOCK_SH.
        new(new FileStream(path, FileMode.OpenOrCreate, FileAccess.Read, FileShare.Read));

    /// <summary>Holds the file alone; null while anyone else holds it.</summary>
    public static FileLock? TryAcquire(string path)
    {
        try
        {
            return new FileLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException e) when (e.GetType() == typeof(IOException)) // its subclasses are about paths
        {
            return null;
        }
    }

    /// <summary>Waits until nobody else holds the file; null when that takes longer than <paramref name="patience"/>.</summary>
    public static async Task<FileLock?> AcquireAsync(
        string path,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        var deadline = Deadline.After(patience);
        while (true)
        {
            if (TryAcquire(path) is { } held)
            {
                return held;
            }

            if (deadline.HasPassed)
            {
                return null;
            }

            await Task.Delay(PollInterval, cancellationToken);
        }
    }

    public void Dispose() => file.Dispose();
}
