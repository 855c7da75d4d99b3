using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Exact.Api.Commands;

/// <summary>Help that ends with examples, because people copy those.</summary>
internal static class CommandHelp
{
    private static readonly Dictionary<string, string[]> Examples = new()
    {
        ["exact"] = ["exact", "exact --urls http://0.0.0.0:8000", "exact import backup.json"],
        ["exact migrate"] =
        [
            "exact migrate",
            "exact migrate --plan",
            "exact migrate --rehearse",
            "exact migrate --url https://exact.example.org --key-file admin_key",
        ],
        ["exact status"] =
        [
            "exact status",
            "exact status --check && echo current",
            "exact status --json --url https://exact.example.org --key-file admin_key",
        ],
        ["exact script"] = ["exact script > pending.sql", "exact script --from 0 > everything.sql"],
        ["exact standings"] = ["exact standings", "exact standings --rebuild"],
        ["exact import"] =
        [
            "exact import backup.json.gz --dry-run",
            "exact import backup.json --mode replace",
            "exact import backup.json --mode replace --dry-run --differences",
            "exact import --from-django 'Host=old-db;Database=django;Username=reader'",
            "exact import exact-20261203T020000Z-17.tar.gz",
            "gpg -d backup.json.gpg | exact import -",
            "exact import backup.json --url https://exact.example.org --key-file admin_key",
        ],
        ["exact export"] =
        [
            "exact export -o backup.json",
            "exact export --challenge digits --format jsonl -o digits.jsonl",
            "exact export --for django -o for-loaddata.json",
            "exact export -o backup.json.gz --url https://exact.example.org --key-file admin_key",
            "exact export --redact people -o for-a-developer.json",
        ],
        ["exact backup"] =
        [
            "exact backup",
            "exact backup --list",
            "exact backup --verify /mnt/exact.tar.gz",
            "exact backup --verify exact-20261203T020000Z-17.tar.gz",
            "exact backup for-a-developer.tar.gz --redact people",
        ],
        ["exact loaddata"] = ["exact loaddata db_backup.json", "exact loaddata --ignorenonexistent old.json"],
        ["exact dumpdata"] = ["exact dumpdata api --indent 2 -o db_backup.json", "exact dumpdata -e auth.group"],
        ["exact files"] = ["exact files check"],
        ["exact files check"] =
        [
            "exact files check",
            "exact files check --adopt",
            "exact files check --delete-orphans",
        ],
        ["exact createsuperuser"] =
        [
            "exact createsuperuser --username root --email root@example.org",
            "DJANGO_SUPERUSER_PASSWORD=… exact createsuperuser --no-input --username root --email root@example.org",
        ],
        ["exact work"] =
        [
            "exact work --metric emd='python3 emd.py' --metric ima='python3 ima.py'",
            "exact work --server https://exact.example.org --token-file token --metric emd,ima=./measure --timeout 600",
        ],
        ["exact health"] = ["exact health", "exact health --urls http://127.0.0.1:9000"],
        ["exact doctor"] = ["exact doctor", "exact doctor --json"],
        ["exact completion"] =
        [
            "source <(exact completion bash)",
            "exact completion zsh > ~/.zfunc/_exact",
            "exact completion fish > ~/.config/fish/completions/exact.fish",
        ],
    };

    /// <summary>Adds the examples to the help of a command and of those below it.</summary>
    public static void AddExamples(Command root)
    {
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
    }

    /// <summary>What to type, for example; empty for a command without examples.</summary>
    public static string[] ExamplesOf(Command command) => Examples.GetValueOrDefault(NameOf(command), []);

    private static string NameOf(Command command) =>
        command.Parents.OfType<Command>().SingleOrDefault() is { } parent
            ? $"{NameOf(parent)} {command.Name}"
            : "exact";

    private sealed class HelpWithExamples(HelpAction help) : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            var output = parseResult.InvocationConfiguration.Output;
            var text = new StringWriter();
            parseResult.InvocationConfiguration.Output = text;
            var code = help.Invoke(parseResult);
            parseResult.InvocationConfiguration.Output = output;
            // The library names the file of the program, which is Exact.Api in a container and exact as a tool.
            output.Write(
                text.ToString().Replace($"  {RootCommand.ExecutableName}", "  exact", StringComparison.Ordinal)
            );
            if (ExamplesOf(parseResult.CommandResult.Command) is { Length: > 0 } examples)
            {
                output.WriteLine("Examples:");
                foreach (var example in examples)
                {
                    output.WriteLine($"  {example}");
                }

                output.WriteLine();
            }

            return code;
        }
    }
}
