using System.CommandLine;
using System.CommandLine.Parsing;
using System.Diagnostics;
using Exact.Api.Commands;
using Exact.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Tests.Commands;

/// <summary>Help, examples and completion of the command line.</summary>
public sealed class CommandHelpTests
{
    private static readonly RootCommand Root = CommandLine.CreateRoot(
        new ServiceCollection().BuildServiceProvider(),
        _ => Task.FromResult(0)
    );

    [Fact]
    public void Every_command_has_examples_that_can_be_typed()
    {
        foreach (var command in Below(Root).Where(command => command.Action is not null))
        {
            var examples = CommandHelp.ExamplesOf(command);
            Assert.True(examples.Length > 0, $"{command.Name} has no example.");
            Assert.All(
                examples,
                example =>
                {
                    var typed = example[example.IndexOf("exact", StringComparison.Ordinal)..]
                        .Split([" > ", " && ", ")"], StringSplitOptions.None)[0];
                    var parsed = Root.Parse(
                        CommandLineParser.SplitCommandLine(typed.Replace('\'', '"')).Skip(1).ToArray()
                    );
                    Assert.Empty(parsed.Errors);
                    Assert.Empty(parsed.UnmatchedTokens.Except(["--urls", "http://0.0.0.0:8000"]));
                    Assert.Equal(
                        command == Root && typed.Contains("import") ? "import" : command.Name,
                        parsed.CommandResult.Command.Name
                    );
                }
            );
        }
    }

    [Fact]
    public async Task The_page_of_the_command_line_has_each_command()
    {
        var page = await File.ReadAllTextAsync(
            Path.Combine(Checkout.Repository, "docs", "command-line.md"),
            TestContext.Current.CancellationToken
        );
        var table = page.Split("\n## ")[0].Split('\n').Where(line => line.StartsWith("| `", StringComparison.Ordinal));
        var commands = Below(Root).Where(command => command.Action is not null && command != Root && !command.Hidden);

        Assert.Equal(
            commands
                .Select(command => command.Parents.FirstOrDefault(parent => parent != Root)?.Name ?? command.Name)
                .Distinct()
                .Order(),
            table.Select(line => line[3..].Split('`', ' ')[0]).Distinct().Order()
        );
    }

    [Theory]
    [InlineData("import")]
    [InlineData("files check")]
    public void Help_ends_with_the_examples(string command)
    {
        var output = new StringWriter();

        var code = Root.Parse($"{command} --help").Invoke(new() { Output = output });

        Assert.Equal(0, code);
        Assert.Contains($"Usage:\n  exact {command} ", output.ToString());
        Assert.Contains($"Examples:\n  exact {command}", output.ToString());
    }

    [Fact]
    public async Task Bash_completes_commands_and_options()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no bash.");
        var start = new ProcessStartInfo("bash") { RedirectStandardOutput = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add(
            """
            exact() { dotnet "$PROGRAM" "$@"; }
            source <(exact completion bash)
            complete_for() {
                COMP_LINE=$1 COMP_POINT=${#1}
                read -ra COMP_WORDS <<< "$1"
                COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
                _exact
                echo "${COMPREPLY[@]}"
            }
            complete_for 'exact mig'
            complete_for 'exact export --mod'
            """
        );
        start.Environment["PROGRAM"] = ExactProcess.Program;
        start.Environment["ConnectionStrings__Exact"] = "Host=nowhere";
        using var bash = Process.Start(start)!;

        var output = await bash.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);

        Assert.Equal("migrate\n--models\n", output);
    }

    [Theory]
    [InlineData("import", "import needs a FILE or --from-django, and not both.")]
    [InlineData("loaddata", "Required argument missing for command: 'loaddata'.")]
    [InlineData("migrate --plan --rehearse", "migrate takes only one of --plan and --rehearse.")]
    [InlineData("migrate --adopt --url http://a", "--adopt needs the database itself. Run it where the service runs")]
    [InlineData("status --key-file key", "--key-file goes with --url, which names the service that the key opens.")]
    [InlineData("export --url localhost", "\"localhost\" is not an address such as https://exact.example.org.")]
    public void A_mistake_is_answered_in_one_sentence(string typed, string sentence) =>
        Assert.StartsWith(sentence, Assert.Single(Root.Parse(typed).Errors).Message);

    private static IEnumerable<Command> Below(Command command) =>
        command.Subcommands.SelectMany(Below).Prepend(command);
}
