using System.CommandLine;
using System.CommandLine.Invocation;

namespace Exact.Api.Commands;

/// <summary>The options that every command of Django's <c>manage.py</c> takes, and those that Exact cannot give a meaning.</summary>
internal static class DjangoOptions
{
    /// <summary>Accepted, so that what people type from habit works; they change nothing here.</summary>
    private static readonly string[] WithoutEffect = ["--traceback", "--no-color", "--force-color", "--skip-checks"];

    private static readonly (string Name, string Reason)[] OfEveryCommand =
    [
        ("--settings", "Exact has no settings module; environment variables and appsettings.json hold its settings"),
        ("--pythonpath", "Exact runs no Python"),
    ];

    /// <summary>How much the command says; null is Django's 1.</summary>
    public static Option<int?> Verbosity() =>
        new("--verbosity", "-v") { Description = "0 prints no report; 1, 2 and 3 print it." };

    /// <summary>The name of the database: there is one.</summary>
    public static Option<string?> Database()
    {
        var database = new Option<string?>("--database") { Hidden = true };
        database.Validators.Add(given =>
        {
            if (given.Tokens is [{ Value: not "default" }, ..])
            {
                given.AddError(
                    "Exact has one database, \"default\"; ConnectionStrings__Exact says which server it is on."
                );
            }
        });
        return database;
    }

    /// <summary>The serialization format, of which Exact knows two.</summary>
    public static Option<string?> Format(string description)
    {
        var format = new Option<string?>("--format") { Description = description };
        format.Validators.Add(given =>
        {
            if (given.Tokens is [{ Value: not ("json" or "jsonl") and var name }, ..])
            {
                given.AddError($"--format must be json or jsonl: Exact neither reads nor writes {name}.");
            }
        });
        return format;
    }

    /// <summary>An option that is unknown would otherwise pass for one of the arguments.</summary>
    public static void RefuseOptions(this Argument argument, string command) =>
        argument.Validators.Add(given =>
        {
            foreach (var token in given.Tokens.Where(token => token.Value.StartsWith('-') && token.Value != "-"))
            {
                given.AddError($"{command} does not take \"{token.Value}\"; see exact {command} --help.");
            }
        });

    /// <summary>Adds what every Django command takes, and refuses what this one cannot do, each with its reason.</summary>
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
        from word in given.Tokens.Select(token => token.Value).Prepend(option.Name)
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
