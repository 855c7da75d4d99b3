namespace Exact.Infrastructure.Transfer.Mapping;

/// <summary>Finds the name that was probably meant.</summary>
internal static class Suggestion
{
    /// <summary>The first name that differs by case, by an ending, or by two characters at most; null if there is none.</summary>
    public static string? For(string name, IEnumerable<string> names) =>
        names
            .Select(known => (Name: known, Distance: Distance(name, known)))
            .Where(candidate => candidate.Distance <= 2)
            .OrderBy(candidate => candidate.Distance)
            .Select(candidate => candidate.Name)
            .FirstOrDefault();

    private static int Distance(string name, string known)
    {
        if (name.Equals(known, StringComparison.OrdinalIgnoreCase))
        {
            return 0;
        }

        if (name.Length >= 3 && known.Length >= 3 && (Begins(name, known) || Begins(known, name)))
        {
            return 1; // challenge for challenge_id, api.scores for api.score
        }

        return Math.Min(name.Length, known.Length) < 5 || Math.Abs(name.Length - known.Length) > 2
            ? int.MaxValue
            : EditDistance(name.ToLowerInvariant(), known);
    }

    private static bool Begins(string name, string beginning) =>
        name.StartsWith(beginning, StringComparison.OrdinalIgnoreCase) && name.Length - beginning.Length <= 3;

    /// <summary>How many characters must be added, removed or replaced (Levenshtein).</summary>
    private static int EditDistance(string a, string b)
    {
        var above = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var row = new int[b.Length + 1];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                row[j] = Math.Min(replaced, Math.Min(above[j], row[j - 1]) + 1);
            }

            above = row;
        }

        return above[b.Length];
    }
}
