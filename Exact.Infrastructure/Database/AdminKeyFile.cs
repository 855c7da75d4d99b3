using System.Buffers.Text;
using System.Security.Cryptography;
using Exact.Infrastructure.Database.Embedded;

namespace Exact.Infrastructure.Database;

/// <summary>The admin key that Development makes for itself: created once beside the embedded data, readable by its owner only.</summary>
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
            : throw new InvalidDataException($"The admin key file {path} is empty; delete it, and a new key is made.");
    }

    private static void Create(string path)
    {
        // Alone, for a move that must not overwrite is on Unix a look followed by one that does.
        using var alone = Acquire($"{path}.lock");
        if (File.Exists(path))
        {
            return;
        }

        // Written whole under another name first: nobody reads half a key, whenever this process ends.
        var draft = $"{path}.{Guid.NewGuid():N}";
        PrivateFiles.Write(draft, Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)) + "\n");
        File.Move(draft, path);
    }

    private static FileLock Acquire(string path)
    {
        FileLock? held;
        while ((held = FileLock.TryAcquire(path)) is null)
        {
            Thread.Sleep(10); // a key is made in less
        }

        return held;
    }
}
