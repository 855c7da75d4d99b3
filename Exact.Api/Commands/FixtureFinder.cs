using Exact.Infrastructure.Backups;

namespace Exact.Api.Commands;

/// <summary>Finds a fixture by its name, as Django does: the extension may be left out.</summary>
internal static class FixtureFinder
{
    private static readonly string[] Endings = ["", ".json", ".jsonl", ".gz", ".json.gz", ".jsonl.gz"];

    /// <summary>Searches the folders in order.</summary>
    /// <returns>The file's path, or why there is none.</returns>
    public static (string? Path, string? Mistake) Find(string name, IEnumerable<string> folders)
    {
        if (BackupFolder.IsBucket(name))
        {
            return (name, null);
        }

        foreach (var folder in folders)
        {
            string[] found = [.. Endings.Select(ending => Path.Combine(folder, name + ending)).Where(File.Exists)];
            if (found is [var first, ..] && (found.Length == 1 || first == Path.Combine(folder, name)))
            {
                return FindMistake(first) is { } mistake ? (null, mistake) : (first, null);
            }

            if (found.Length > 1)
            {
                return (null, $"\"{name}\" matches {string.Join(", ", found)}. Give the full name of one of them.");
            }
        }

        if (BackupFolder.IsName(name))
        {
            return (name, null); // import looks for it in the folder of the backups
        }

        return (
            null,
            Path.IsPathRooted(name)
                ? $"There is no fixture {name}."
                : $"There is no fixture \"{name}\" in {string.Join(" or ", folders)}. Put it there, or pipe it (loaddata -)."
        );
    }

    /// <summary>Checks that the file can be read: often only its owner may, and a container runs as another account.</summary>
    private static string? FindMistake(string path)
    {
        try
        {
            File.OpenRead(path).Dispose();
            return null;
        }
        catch (UnauthorizedAccessException)
        {
            return $"This account may not read {path}. Allow it (chmod 644), or pipe the file (loaddata -).";
        }
    }
}
