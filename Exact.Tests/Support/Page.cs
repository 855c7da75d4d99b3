using System.Text.RegularExpressions;

namespace Exact.Tests.Support;

/// <summary>
/// A page of the documentation. Its commands are the indented lines, and the fenced ones without a language; a block with a language is
/// a setting, an output or a program.
/// </summary>
internal sealed partial class Page
{
    private readonly List<string> commands = [];
    private readonly List<(string Language, string Text)> blocks = [];

    private Page(string[] lines)
    {
        for (var at = 0; at < lines.Length; at++)
        {
            if (Fence().Match(lines[at]) is { Success: true } fence)
            {
                var end = Array.FindIndex(lines, at + 1, line => line.Trim() == "```");
                var language = fence.Groups["language"].Value;
                if (language.Length == 0)
                {
                    AddCommands(lines[(at + 1)..end]);
                }
                else
                {
                    blocks.Add((language, string.Join('\n', lines[(at + 1)..end])));
                }

                at = end;
            }
            else if (lines[at].StartsWith("    ", StringComparison.Ordinal))
            {
                var end = Array.FindIndex(lines, at, line => !line.StartsWith("    ", StringComparison.Ordinal));
                end = end < 0 ? lines.Length : end;
                AddCommands(lines[at..end]);
                at = end - 1;
            }
        }
    }

    /// <summary>The pages, by their paths in the repository.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        "README.md",
        "CONTRIBUTING.md",
        "secrets/README.md",
        "bench/README.md",
        .. Directory
            .EnumerateFiles(Path.Combine(Checkout.Repository, "docs"), "*.md", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Checkout.Repository, file).Replace('\\', '/'))
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>The commands, in their order; one may have several lines.</summary>
    public IReadOnlyList<string> Commands => commands;

    public static async Task<Page> ReadAsync(string path, CancellationToken cancellationToken) =>
        new(await File.ReadAllLinesAsync(Path.Combine(Checkout.Repository, path), cancellationToken));

    /// <summary>The only block in this language.</summary>
    public string Program(string language) => blocks.Single(block => block.Language == language).Text;

    private void AddCommands(string[] lines)
    {
        var command = "";
        foreach (var line in lines.Select(line => line.StartsWith("    ", StringComparison.Ordinal) ? line[4..] : line))
        {
            command += command.Length == 0 ? line : $"\n{line}";
            var isOpen =
                command.EndsWith('\\')
                || (Here().Match(command) is { Success: true } here && line.Trim() != here.Groups["end"].Value)
                || (
                    command.StartsWith("until ", StringComparison.Ordinal)
                    && !line.EndsWith("done", StringComparison.Ordinal)
                )
                || command.Count(sign => sign == '\'') % 2 == 1;
            if (!isOpen)
            {
                commands.Add(command.Trim());
                command = "";
            }
        }
    }

    [GeneratedRegex("^ *```(?<language>[a-z]*)$")]
    private static partial Regex Fence();

    [GeneratedRegex("<<(?<end>[A-Z]+)")]
    private static partial Regex Here();
}
