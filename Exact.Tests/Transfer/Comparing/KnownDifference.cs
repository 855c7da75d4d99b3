using System.Text.RegularExpressions;

namespace Exact.Tests.Transfer.Comparing;

/// <summary>A row of the table in docs/coming-from-django.md.</summary>
/// <param name="Title">What is in the fixture.</param>
/// <param name="Django">What Django does with it; the first word is "loads" or "refuses".</param>
/// <param name="Exact">What Exact does with it; likewise.</param>
/// <param name="Reason">Why.</param>
/// <param name="Cases">The names of the fixtures, where <c>*</c> stands for anything.</param>
internal sealed partial record KnownDifference(
    string Title,
    string Django,
    string Exact,
    string Reason,
    IReadOnlyList<string> Cases
)
{
    private const string LastColumn = "Test cases";

    public static async Task<IReadOnlyList<KnownDifference>> ReadAsync(CancellationToken cancellationToken)
    {
        var path = Path.Combine(AppContext.BaseDirectory, "docs", "coming-from-django.md");
        var lines = await File.ReadAllLinesAsync(path, cancellationToken);
        return
        [
            .. lines
                .SkipWhile(line => !line.EndsWith($"| {LastColumn} |", StringComparison.Ordinal))
                .Skip(2)
                .TakeWhile(line => line.StartsWith('|'))
                .Select(line => line.Trim('|').Split('|', StringSplitOptions.TrimEntries))
                .Select(cells => new KnownDifference(cells[0], cells[1], cells[2], cells[3], NamesIn(cells[4]))),
        ];
    }

    public bool Covers(ComparedFixture compared) => Cases.Any(name => IsMatch(name, compared));

    /// <summary>The fixtures differ as the table says.</summary>
    public bool IsTrueOf(ComparedFixture compared) =>
        compared.Difference is not null && FirstWord(Django) == compared.Django && FirstWord(Exact) == compared.Exact;

    public static bool IsMatch(string name, ComparedFixture compared) =>
        Regex.IsMatch(
            compared.Fixture.Name,
            $"^{Regex.Escape(name).Replace("\\*", ".*")}$",
            RegexOptions.CultureInvariant | RegexOptions.Singleline
        );

    private static string FirstWord(string text) => text.Split([' ', ',', ':', ';'], 2)[0];

    private static string[] NamesIn(string cell) => [.. CodeSpans().Matches(cell).Select(span => span.Groups[1].Value)];

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex CodeSpans();
}
