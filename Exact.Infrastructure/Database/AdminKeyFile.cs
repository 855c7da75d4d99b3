using System.Buffers.Text;
using System.Security.Cryptography;
using Exact.Infrastructure.Database.Embedded;

namespace Exact.Infrastructure.Database;

/// <summary>
/// The admin key of a development server: created once beside the embedded data, readable only by its owner.
/// </summary>
internal static class AdminKeyFile
{
    public static string ReadOrCreate(string folder)
    {
        PrivateFiles.CreateFolder(folder);
        var path = Path.Combine(folder, "admin-key");
        if (!File.Exists(path))
        {
            Create(path);
        }

        var key = File.ReadAllText(path).Trim();
        return key.Length > 0
            ? key
            : throw new InvalidDataException(
                $"The admin key file {path} is empty. Delete it, and Exact creates a new one at the next start."
            );
    }

    private static void Create(string path)
    {
        // Under a lock, because on Unix a move that must not overwrite is not atomic.
        using var alone = Acquire($"{path}.lock");
        if (File.Exists(path))
        {
            return;
        }

        // First under another name, so that no process reads half a key.
        var draft = $"{path}.{Guid.NewGuid():N}";
        PrivateFiles.Write(draft, Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)) + "\n");
        File.Move(draft, path);
    }

    private static FileLock Acquire(string path)
    {
        FileLock? held;
        while ((held = FileLock.TryAcquire(path)) is null)
        {
            Thread.Sleep(10); // longer than it takes to create a key
        }

        return held;
    }
}
