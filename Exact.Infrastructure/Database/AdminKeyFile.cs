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
        // Written whole under another name first: whoever loses the race to the true name reads the winner's key, never half of one.
        var draft = $"{path}.{Guid.NewGuid():N}";
        PrivateFiles.Write(draft, Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)) + "\n");
        try
        {
            File.Move(draft, path, overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(draft);
        }
    }
}
