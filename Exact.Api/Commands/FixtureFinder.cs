namespace Exact.Api.Commands;

/// <summary>Finds a fixture by the name that Django would find it by: the extension may be left out.</summary>
internal static class FixtureFinder
{
    private static readonly string[] Endings = ["", ".json", ".jsonl", ".gz", ".json.gz", ".jsonl.gz"];

    /// <summary>Looks in one folder after the other.</summary>
    /// <returns>The file's path, or why there is none.</returns>
    public static (string? Path, string? Mistake) Find(string name, IEnumerable<string> folders)
    {
        foreach (var folder in folders)
        {
            string[] found = [.. Endings.Select(ending => Path.Combine(folder, name + ending)).Where(File.Exists)];
            if (found is [var first, ..] && (found.Length == 1 || first == Path.Combine(folder, name)))
            {
                return FindMistake(first) is { } mistake ? (null, mistake) : (first, null);
            }

            if (found.Length > 1)
            {
                return (null, $"\"{name}\" may be any of {string.Join(", ", found)}: name the one to load in full.");
            }
        }

        return (
            null,
            Path.IsPathRooted(name)
                ? $"There is no fixture {name}."
                : $"There is no fixture \"{name}\" in {string.Join(" or ", folders)}: put it there, or pipe it (loaddata -)."
        );
    }

    /// <summary>A backup is usually its owner's alone, and a container is another account.</summary>
    private static string? FindMistake(string path)
    {
        try
        {
            File.OpenRead(path).Dispose();
            return null;
        }
        catch (UnauthorizedAccessException)
        {
            return $"This account may not read {path}: let it (chmod 644), or pipe the file (loaddata -).";
        }
    }
}
