namespace Exact.Infrastructure.Database.Embedded;

/// <summary>A lock between processes that ends with its holder: flock on Unix, a share mode on Windows.</summary>
internal sealed class FileLock : IDisposable
{
    // The file is never deleted: a process waiting on a deleted file would not exclude later ones.

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    private readonly FileStream file;

    private FileLock(FileStream file) => this.file = file;

    /// <summary>Takes the lock together with others that share it.</summary>
    public static FileLock Share(string path) =>
        // .NET turns a reader that admits only readers into LOCK_SH.
        new(new FileStream(path, FileMode.OpenOrCreate, FileAccess.Read, FileShare.Read));

    /// <summary>Takes the lock alone; null while another process has it.</summary>
    public static FileLock? TryAcquire(string path)
    {
        try
        {
            return new FileLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException e) when (e.GetType() == typeof(IOException)) // its subclasses concern paths
        {
            return null;
        }
    }

    /// <summary>Waits for the lock; null if that takes longer than <paramref name="patience"/>.</summary>
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
