using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Exact.Api.Access;
using Exact.Api.Commands.Remote;
using Exact.Api.Startup;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Operations;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Api.Commands;

/// <summary>Runs the commands of the binary that is also the service. <see cref="ExitCode"/> lists the exit codes.</summary>
internal static partial class CommandLine
{
    /// <summary>With these begin the library's messages; those of the commands say themselves what to do.</summary>
    private static readonly string[] LibrarysWords = ["Required ", "Cannot ", "Unrecognized ", "Option ", "Argument "];

    /// <summary>Runs the command that the arguments name; without one, serves HTTP until the process is told to stop.</summary>
    public static async Task<int> RunAsync(string[] args, Func<string[], WebApplication> build)
    {
        WebApplication built;
        try
        {
            built = build(args);
        }
        catch (Exception e) when (e is not HostAbortedException) // which tools throw that look at the host only
        {
            await Console.Error.WriteLineAsync($"Exact ends: {HostSettings.WhyNot(e)}"); // there is no log yet
            return ExitCode.Failed;
        }

        await using var app = built;
        var root = CreateRoot(app.Services, cancellationToken => ServeAsync(app, cancellationToken));
        var parsed = root.Parse(HostSettings.CommandOf(args, OptionsOf(root).Contains));
        if (parsed.Action == root.Action && parsed.UnmatchedTokens is [var first, ..] && !first.StartsWith('-'))
        {
            var names = root.Subcommands.Select(known => known.Name);
            await Console.Error.WriteLineAsync(
                $"\"{first}\" is not a command. {DidYouMean(first, names)}See exact --help."
            );
            return ExitCode.NotUnderstood;
        }

        if (parsed.CommandResult.Command is var command && command != root && parsed.UnmatchedTokens is [var stray, ..])
        {
            var names = command.Options.Where(known => !known.Hidden).Select(known => known.Name);
            await Console.Error.WriteLineAsync(
                $"{command.Name} does not take \"{stray}\". {DidYouMean(stray, names)}{SeeHelp(parsed)}"
            );
            return ExitCode.NotUnderstood;
        }

        if (parsed.Action is ParseErrorAction)
        {
            await Console.Error.WriteLineAsync(Describe(parsed.Errors[0], parsed));
            return ExitCode.NotUnderstood;
        }

        using var signals = new EndSignals();
        try
        {
            await using var embedded = NeedsDatabase(parsed)
                ? await app.StartEmbeddedDatabaseAsync(signals.Token)
                : null;
            return await parsed.InvokeAsync(
                new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null },
                signals.Token
            );
        }
        catch (RemoteException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return e.ExitCode;
        }
        catch (EmbeddedPostgresException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return ExitCode.Failed;
        }
        catch (OperationCancelledException e) // on another replica, or in the console
        {
            await Console.Error.WriteLineAsync(e.Message);
            return ExitCode.Failed;
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            return signals.ExitCode;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogFailed(app.Logger, HostSettings.WhyNot(e));
            return ExitCode.Failed;
        }
    }

    /// <summary>All commands. Without one, the program serves.</summary>
    internal static RootCommand CreateRoot(IServiceProvider services, Func<CancellationToken, Task<int>> serve)
    {
        var root = new RootCommand("Exact: the challenge API. Without a command it serves HTTP.")
        {
            MigrateCommand.Create(services),
            StatusCommand.Create(services),
            ScriptCommand.Create(services),
            StandingsCommand.Create(services),
            ImportCommand.Create(services),
            ExportCommand.Create(services),
            BackupCommand.Create(services),
            LoadDataCommand.Create(services),
            DumpDataCommand.Create(services),
            FilesCommand.Create(services),
            CreateSuperuserCommand.Create(services),
            WorkCommand.Create(services),
            HealthCommand.Create(),
            DoctorCommand.Create(services),
            CompletionCommand.Create(),
        };
        // The configuration of the host reads its own settings, such as --urls.
        root.TreatUnmatchedTokensAsErrors = false;
        root.SetAction((_, cancellationToken) => serve(cancellationToken));
        CommandHelp.AddExamples(root);
        return root;
    }

    /// <summary>The names of the options of a command and of those below it.</summary>
    private static HashSet<string> OptionsOf(Command command) =>
        [
            .. command.Options.SelectMany(option => option.Aliases.Prepend(option.Name)),
            .. command.Subcommands.SelectMany(OptionsOf),
        ];

    /// <summary>A mistake in one line; the library names types, and lists values below each other.</summary>
    private static string Describe(ParseError mistake, ParseResult parsed)
    {
        if (
            mistake.SymbolResult is OptionResult { Option: var option, Tokens: [var typed, ..] }
            && (Nullable.GetUnderlyingType(option.ValueType) ?? option.ValueType) is { IsEnum: true } values
        )
        {
            var names = Enum.GetNames(values).Select(name => name.ToLowerInvariant()).Order().ToList();
            return $"{option.Name} does not take \"{typed.Value}\". {DidYouMean(typed.Value, names)}It takes "
                + $"{string.Join(", ", names)}. {SeeHelp(parsed)}";
        }

        var text = mistake.Message.ReplaceLineEndings(" ").Trim();
        var isOfLibrary = Array.Exists(LibrarysWords, word => text.StartsWith(word, StringComparison.Ordinal));
        return isOfLibrary ? $"{text} {SeeHelp(parsed)}" : text;
    }

    /// <summary>Where to read about the command, or about the group of commands that it belongs to.</summary>
    private static string SeeHelp(ParseResult parsed)
    {
        var path = new List<string>();
        for (var at = parsed.CommandResult; at?.Command is not (null or RootCommand); at = at.Parent as CommandResult)
        {
            path.Insert(0, at.Command.Name);
        }

        return $"See exact {string.Join(' ', [.. path, "--help"])}.";
    }

    private static string DidYouMean(string typed, IEnumerable<string> names) =>
        Suggestion.For(typed, names) is { } meant ? $"Did you mean {meant}? " : "";

    /// <summary>Whether a command or the service will run, and not the help or an error message.</summary>
    private static bool NeedsDatabase(ParseResult parsed) =>
        parsed.Action == parsed.CommandResult.Command.Action
        && parsed.CommandResult.Command is DatabaseCommand or RootCommand
        && !RemoteOptions.AreGiven(parsed);

    private static async Task<int> ServeAsync(WebApplication app, CancellationToken cancellationToken)
    {
        app.WarnIfAdminIsClosed();
        var state = app.Services.GetRequiredService<SchemaState>();
        try
        {
            await app.StartAsync(cancellationToken);
            await app.WaitForShutdownAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (app.Lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // a signal or a failed migration stopped the host before it had started
        }

        if (state.Failure is { } failure)
        {
            throw failure; // the cause becomes the last log line
        }

        return ExitCode.Done;
    }

    [LoggerMessage(1301, LogLevel.Critical, "Exact ends: {Cause}")]
    private static partial void LogFailed(ILogger logger, string cause);
}
