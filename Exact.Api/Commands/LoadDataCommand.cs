using System.CommandLine;
using Exact.Api.Transfers;
using Microsoft.Extensions.Options;

namespace Exact.Api.Commands;

/// <summary><c>loaddata</c>: <c>import</c> under Django's name, with Django's options in addition.</summary>
internal static class LoadDataCommand
{
    public static Command Create(IServiceProvider services)
    {
        var import = ImportCommand.Create(services);
        var file = new Argument<string[]>("file")
        {
            Description =
                "The fixture; .json, .jsonl and .gz may be left out; or a backup, as import takes it; - reads stdin.",
            Arity = ArgumentArity.OneOrMore,
        };
        file.RefuseOptions("loaddata");
        file.Validators.Add(given =>
        {
            if (given.Tokens.Count(token => token.Value is "-" || !token.Value.StartsWith('-')) > 1)
            {
                given.AddError(
                    "loaddata takes one file, because it loads all of a file or nothing. Run it once per file."
                );
            }
        });
        var ignore = new Option<bool>("--ignorenonexistent", "-i")
        {
            Description = "Skip models and fields that Exact does not know, and count them.",
        };
        var verbosity = DjangoOptions.Verbosity();
        var command = new DatabaseCommand(
            "loaddata",
            "Import a fixture, all of it or nothing: import, with Django's name and options."
        )
        {
            file,
            ignore,
            DjangoOptions.Format("The format of stdin, json or jsonl; Exact recognises both."),
            verbosity,
            DjangoOptions.Database(),
        };
        command.AddDjangoOptions(
            ("--app", "Exact has no folders of fixtures; name the file"),
            ("--exclude", "leave models out when you write the file, with dumpdata --exclude"),
            ("-e", "leave models out when you write the file, with dumpdata --exclude")
        );
        command.AddOptionsOf(import);
        command.SetAction(
            async (parsed, cancellationToken) =>
            {
                var (path, mistake) = parsed.GetValue(file) is ["-"]
                    ? ("-", null)
                    : FixtureFinder.Find(parsed.GetValue(file)![0], FoldersOf(services));
                if (path is null)
                {
                    await Console.Error.WriteLineAsync(mistake);
                    return ExitCode.Failed;
                }

                if (parsed.GetValue(verbosity) is 0)
                {
                    Console.SetOut(TextWriter.Null);
                }

                string[] unknown = parsed.GetValue(ignore) ? ["--unknown", "skip"] : [];
                return await import.InsteadAsync([path, .. unknown, .. parsed.OptionsFor(import)], cancellationToken);
            }
        );
        return command;
    }

    /// <summary>The folders to search. <c>dotnet run</c> starts in the project's folder; a container sees one folder of its host.</summary>
    private static IEnumerable<string> FoldersOf(IServiceProvider services)
    {
        yield return Directory.GetCurrentDirectory();
        var environment = services.GetRequiredService<IHostEnvironment>();
        if (environment.IsDevelopment() && Path.GetDirectoryName(DevelopmentFolder.Project) is { } solution)
        {
            yield return solution;
        }

        if (services.GetRequiredService<IOptions<TransferOptions>>().Value.FixtureFolder is { Length: > 0 } handedOver)
        {
            yield return Path.GetFullPath(handedOver);
        }
    }
}
