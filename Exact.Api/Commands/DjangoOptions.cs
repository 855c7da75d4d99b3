using System.CommandLine;
using System.CommandLine.Invocation;

namespace Exact.Api.Commands;

/// <summary>The options that every command of <c>manage.py</c> takes, and those that Exact refuses.</summary>
internal static class DjangoOptions
{
    /// <summary>Options that are accepted out of habit and change nothing.</summary>
    private static readonly string[] WithoutEffect = ["--traceback", "--no-color", "--force-color", "--skip-checks"];

    private static readonly (string Name, string Reason)[] OfEveryCommand =
    [
        ("--settings", "Exact has no settings module; environment variables and appsettings.json hold its settings"),
        ("--pythonpath", "Exact runs no Python"),
    ];

    /// <summary>How much the command prints; by default 1, as in Django.</summary>
    public static Option<int?> Verbosity() =>
        new("--verbosity", "-v") { Description = "0 prints no report; 1, 2 and 3 print one." };

    /// <summary>The name of the database, of which there is one.</summary>
    public static Option<string?> Database()
    {
        var database = new Option<string?>("--database") { Hidden = true };
        database.Validators.Add(given =>
        {
            if (given.Tokens is [{ Value: not "default" }, ..])
            {
                given.AddError(
                    "--database must be default. ConnectionStrings__Exact names the server of the only database."
                );
            }
        });
        return database;
    }

    /// <summary>The serialization format: <c>json</c> or <c>jsonl</c>.</summary>
    public static Option<string?> Format(string description)
    {
        var format = new Option<string?>("--format") { Description = description };
        format.Validators.Add(given =>
        {
            if (given.Tokens is [{ Value: not ("json" or "jsonl") and var name }, ..])
            {
                given.AddError($"--format must be json or jsonl, not {name}.");
            }
        });
        return format;
    }

    /// <summary>Refuses unknown options, which would otherwise be read as arguments.</summary>
    public static void RefuseOptions(this Argument argument, string command) =>
        argument.Validators.Add(given =>
        {
            foreach (var token in given.Tokens.Where(token => token.Value.StartsWith('-') && token.Value != "-"))
            {
                given.AddError($"{command} does not take \"{token.Value}\". See exact {command} --help.");
            }
        });

    /// <summary>Adds the options of every Django command, and refuses those that Exact cannot support, with the reason.</summary>
    public static void AddDjangoOptions(this Command command, params (string Name, string Reason)[] refused)
    {
        foreach (var name in WithoutEffect)
        {
            command.Add(new Option<bool>(name) { Hidden = true });
        }

        foreach (var (name, reason) in OfEveryCommand.Concat(refused))
        {
            var option = new Option<string[]>(name) { Hidden = true, Arity = ArgumentArity.ZeroOrMore };
            option.Validators.Add(given => given.AddError($"{command.Name} does not take {name}: {reason}."));
            command.Add(option);
        }
    }

    /// <summary>Adds the options of another command, to be passed on to it.</summary>
    public static void AddOptionsOf(this Command command, Command other)
    {
        var taken = command.Options.SelectMany(option => option.Aliases.Append(option.Name)).ToHashSet();
        foreach (var option in other.Options.Where(option => !taken.Contains(option.Name)))
        {
            command.Add(option);
        }
    }

    /// <summary>The options of another command as they were given to this one.</summary>
    public static IEnumerable<string> OptionsFor(this ParseResult parsed, Command other) =>
        from option in other.Options
        let given = parsed.GetResult(option)
        where given is { Implicit: false }
        from word in given.Tokens.Count == 0
            ? [option.Name]
            : given.Tokens.SelectMany(token => new[] { option.Name, token.Value })
        select word;

    /// <summary>Runs another command in place of this one.</summary>
    public static async Task<int> InsteadAsync(
        this Command other,
        IReadOnlyList<string> arguments,
        CancellationToken cancellationToken
    )
    {
        var parsed = other.Parse(arguments);
        switch (parsed.Action)
        {
            case AsynchronousCommandLineAction action:
                return await action.InvokeAsync(parsed, cancellationToken);
            case ParseErrorAction:
                await Console.Error.WriteLineAsync(string.Join('\n', parsed.Errors.Select(error => error.Message)));
                return ExitCode.NotUnderstood;
            default:
                throw new InvalidOperationException($"{other.Name} cannot run in place of another command.");
        }
    }
}
