using System.Security.Cryptography;

namespace Exact.Infrastructure.Files;

/// <summary>The place of a file in the store, such as <c>3f/3fa85f64…</c>. It is random.</summary>
internal static class FileKey
{
    public static string New()
    {
        var name = RandomNumberGenerator.GetHexString(32, lowercase: true);
        return $"{name[..2]}/{name}"; // at most 256 folders
    }

    /// <summary>
    /// Whether a key stays inside the store. Keys that were imported from Django hold paths, which may be anything.
    /// </summary>
    public static bool IsSafe(string key) =>
        key.Length > 0
        && !key.Any(c => c is '\\' or ':' || char.IsControl(c))
        && key.Split('/').All(segment => segment is not ("" or "." or ".." or FolderStore.Incoming));
}
