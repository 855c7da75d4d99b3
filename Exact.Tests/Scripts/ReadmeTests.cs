using System.Text.RegularExpressions;
using Exact.Tests.Support;

namespace Exact.Tests.Scripts;

/// <summary>What the README tells a newcomer to type.</summary>
public sealed partial class ReadmeTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    /// <summary>They start what the tests start themselves.</summary>
    private static readonly string[] Starts = ["dotnet run --project Exact.Api", "dotnet test"];

    [Fact]
    public async Task Every_command_of_the_readme_runs_as_it_stands()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/curl"), "needs curl");
        var commands = await CommandsAsync();
        Assert.Contains(commands, command => command.Contains("@samples/backup.json", StringComparison.Ordinal));
        using var checkout = new Checkout(database);
        await using var service = ExactProcess.Serve(database.ConnectionString);
        await service.WaitUntilReadyAsync();
        var address = service.Client.BaseAddress!.ToString().TrimEnd('/');

        foreach (var command in commands.Except(Starts))
        {
            Assert.StartsWith("curl ", command);
            var (output, _) = await checkout.SucceedAsync(
                command
                    .Replace("curl ", "curl --silent --show-error --fail-with-body ", StringComparison.Ordinal)
                    .Replace("KEY", ExactApp.AdminKey, StringComparison.Ordinal)
                    .Replace("http://localhost:8000", address, StringComparison.Ordinal)
            );

            Assert.True(output.TrimEnd() is not ("" or "[]"), command);
        }
    }

    [Fact]
    public async Task Every_command_in_the_readmes_table_is_one_that_the_program_knows()
    {
        var readme = await ReadAsync();
        var table = readme.Split("\n## ").Single(part => part.StartsWith("The command line", StringComparison.Ordinal));
        var names = Row().Matches(table).Select(row => row.Groups["name"].Value).Distinct().ToList();
        Assert.Contains("loaddata", names);

        foreach (var name in names)
        {
            await using var help = await ExactProcess.RunAsync("Host=nowhere", name, "--help");

            Assert.Contains($"exact {name} ", help.Output);
        }
    }

    private static async Task<IReadOnlyList<string>> CommandsAsync() =>
        [
            .. Fence()
                .Matches(await ReadAsync())
                .SelectMany(fence => fence.Groups["lines"].Value.Split('\n', StringSplitOptions.RemoveEmptyEntries)),
        ];

    private static Task<string> ReadAsync() =>
        File.ReadAllTextAsync(Path.Combine(Checkout.Repository, "README.md"), TestContext.Current.CancellationToken);

    [GeneratedRegex("^```$\n(?<lines>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"^\| `(?<name>[a-z]+)", RegexOptions.Multiline)]
    private static partial Regex Row();
}
