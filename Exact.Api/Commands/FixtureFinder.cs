namespace Exact.Api.Commands;

/// <summary>Finds a fixture by the name that Django would find it by: the extension may be left out.</summary>
internal static class FixtureFinder
{
    private static readonly string[] Endings = ["", ".json", ".jsonl", ".gz", ".json.gz", ".jsonl.gz"];

    /// <summary>Looks in the current folder, then in <paramref name="folder"/> unless the name has a folder of its own.</summary>
    /// <returns>The file's path, or why there is none.</returns>
    public static (string? Path, string? Mistake) Find(string name, string? folder)
    {
        var current = Directory.GetCurrentDirectory();
        var isBare = Path.GetFileName(name) == name;
        string[] folders = isBare && !string.IsNullOrEmpty(folder) ? [current, Path.GetFullPath(folder)] : [current];
        foreach (var place in folders)
        {
            string[] found = [.. Endings.Select(ending => Path.Combine(place, name + ending)).Where(File.Exists)];
            if (found is [var first, ..] && (found.Length == 1 || first == Path.Combine(place, name)))
            {
                return (first, null);
            }

            if (found.Length > 1)
            {
                return (null, $"\"{name}\" may be any of {string.Join(", ", found)}: name the one to load in full.");
            }
        }

        return (
            null,
            $"There is no fixture \"{name}\" in {string.Join(" or ", folders)}. {Advice(folders.Length > 1)}"
        );
    }

    private static string Advice(bool isContainer) =>
        isContainer
            ? "Put it there, or pipe it: loaddata - < FILE."
            : "Check the name and the folder that the command runs in.";
}
