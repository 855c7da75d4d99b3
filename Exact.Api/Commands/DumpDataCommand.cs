using System.CommandLine;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Api.Commands;

/// <summary><c>dumpdata</c>: <c>export</c> under Django's name, with Django's options in addition.</summary>
internal static class DumpDataCommand
{
    public static Command Create(IServiceProvider services)
    {
        var export = ExportCommand.Create(services);
        var labels = new Argument<string[]>("label")
        {
            Description = "Only these apps or models, such as api or auth.user; by default all.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        labels.RefuseOptions("dumpdata");
        var exclude = new Option<string[]>("--exclude", "-e") { Description = "All but these apps or models." };
        var output = new Option<string?>("--output", "-o")
        {
            Description = "The file to write, packed if it ends in .gz; by default stdout.",
        };
        output.Validators.Add(given =>
        {
            if (given.Tokens is [{ Value: var file }, ..] && Path.GetExtension(file) is ".bz2" or ".lzma" or ".xz")
            {
                given.AddError(
                    $"dumpdata compresses only with gzip. End the name in .gz, not in {Path.GetExtension(file)}."
                );
            }
        });
        var format = DjangoOptions.Format("json (a list) or jsonl (one object per line).");
        var indent = new Option<int?>("--indent")
        {
            Description = "Accepted; Exact always writes one record per line.",
        };
        var natural = new Option<bool>("--natural-foreign")
        {
            Description = "Accepted; Exact always writes primary keys.",
        };
        var naturalPrimary = new Option<bool>("--natural-primary") { Description = natural.Description };
        var all = new Option<bool>("--all", "-a") { Description = "Accepted; Exact hides no rows." };
        var command = new DatabaseCommand(
            "dumpdata",
            "Export everything or a selection as a fixture: export, with Django's name and options."
        )
        {
            labels,
            output,
            exclude,
            format,
            indent,
            natural,
            naturalPrimary,
            all,
            DjangoOptions.Verbosity(),
            DjangoOptions.Database(),
        };
        command.AddDjangoOptions(
            ("--pks", "it writes whole models; --challenge ID chooses a challenge and its scores")
        );
        command.AddOptionsOf(export);
        command.SetAction(
            (parsed, cancellationToken) =>
                export.InsteadAsync(
                    [
                        .. Each("--models", parsed.GetValue(labels)),
                        .. Each("--exclude", parsed.GetValue(exclude)?.Where(label => !IsBookkeeping(label))),
                        .. parsed.GetValue(output) is { } file ? ["--output", file] : Array.Empty<string>(),
                        .. parsed.GetValue(format) is { } name ? ["--format", name] : Array.Empty<string>(),
                        .. parsed.OptionsFor(export),
                    ],
                    cancellationToken
                )
        );
        return command;
    }

    /// <summary>Whether the label names Django's own bookkeeping, which no export contains.</summary>
    private static bool IsBookkeeping(string label) =>
        FixtureTables.Bookkeeping.Any(own =>
            own.Equals(label, StringComparison.OrdinalIgnoreCase)
            || (label != "auth" && own.StartsWith($"{label}.", StringComparison.Ordinal))
        );

    /// <summary>Repeats an option for each label. Like Django, ignores the case of a model's name.</summary>
    private static IEnumerable<string> Each(string option, IEnumerable<string>? labels) =>
        from label in labels ?? []
        let dot = label.IndexOf('.', StringComparison.Ordinal) + 1
        from word in (string[])[option, dot == 0 ? label : label[..dot] + label[dot..].ToLowerInvariant()]
        select word;
}
