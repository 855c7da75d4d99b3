using System.CommandLine;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Api.Commands;

/// <summary><c>dumpdata</c>: <c>export</c> under Django's name, with Django's options besides its own.</summary>
internal static class DumpDataCommand
{
    public static Command Create(IServiceProvider services)
    {
        var export = ExportCommand.Create(services);
        var labels = new Argument<string[]>("label")
        {
            Description = "Only these apps or models, such as api or auth.user; all if none is named.",
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
                    $"dumpdata packs with gzip only: let the name end in .gz, not in {Path.GetExtension(file)}."
                );
            }
        });
        var format = DjangoOptions.Format("json, a list, or jsonl, an object a line.");
        var indent = new Option<int?>("--indent") { Description = "Accepted; Exact writes a record a line." };
        var natural = new Option<bool>("--natural-foreign") { Description = "Accepted; Exact writes primary keys." };
        var naturalPrimary = new Option<bool>("--natural-primary") { Description = natural.Description };
        var all = new Option<bool>("--all", "-a") { Description = "Accepted; Exact hides no rows." };
        var command = new DatabaseCommand("dumpdata", "Django's name for export: everything, or a part, as a fixture.")
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

    /// <summary>Whether only Django has it, so that no export holds it anyway.</summary>
    private static bool IsBookkeeping(string label) =>
        FixtureTables.Bookkeeping.Any(own =>
            own.Equals(label, StringComparison.OrdinalIgnoreCase)
            || (label != "auth" && own.StartsWith($"{label}.", StringComparison.Ordinal))
        );

    /// <summary>Django finds <c>auth.User</c>, too: the model's name is the same in any case.</summary>
    private static IEnumerable<string> Each(string option, IEnumerable<string>? labels) =>
        from label in labels ?? []
        let dot = label.IndexOf('.', StringComparison.Ordinal) + 1
        from word in (string[])[option, dot == 0 ? label : label[..dot] + label[dot..].ToLowerInvariant()]
        select word;
}
