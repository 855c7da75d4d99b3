using System.CommandLine;
using System.CommandLine.Invocation;
using Exact.Api.Admin;
using Exact.Api.Startup;
using Exact.Infrastructure;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;

namespace Exact.Api.Commands;

/// <summary>The same binary is the service and its tools. Exit codes: 0 done, 1 failed, 2 not understood; more at each command.</summary>
internal static partial class CommandLine
{
    /// <summary>The actor in the journal.</summary>
    public const string Actor = "command-line";

    /// <summary>Runs the command that the arguments name; without one, serves HTTP until the process is told to stop.</summary>
    public static async Task<int> RunCommandAsync(this WebApplication app, string[] args)
    {
        var root = new RootCommand("Exact: the challenge API. Without a command it serves HTTP.")
        {
            MigrateCommand.Create(app.Services),
            StatusCommand.Create(app.Services),
            ScriptCommand.Create(app.Services),
            ImportCommand.Create(app.Services),
            ExportCommand.Create(app.Services),
            LoadDataCommand.Create(app.Services),
            DumpDataCommand.Create(app.Services),
            HealthCommand.Create(app.Configuration),
        };
        // Settings of the host, such as --urls, are read by its configuration.
        root.TreatUnmatchedTokensAsErrors = false;
        root.SetAction((_, cancellationToken) => ServeAsync(app, cancellationToken));
        var parsed = root.Parse(args);
        if (parsed.CommandResult.Command == root && parsed.UnmatchedTokens is [var first, ..] && !first.StartsWith('-'))
        {
            await Console.Error.WriteLineAsync($"\"{first}\" is no command of exact; see exact --help.");
            return ExitCode.NotUnderstood;
        }

        if (
            parsed.CommandResult.Command is var command
            && command != root
            && Stray(parsed.UnmatchedTokens) is { } stray
        )
        {
            await Console.Error.WriteLineAsync(
                $"{command.Name} does not take \"{stray}\"; see exact {command.Name} --help."
            );
            return ExitCode.NotUnderstood;
        }

        try
        {
            await using var embedded = NeedsDatabase(parsed) ? await app.StartEmbeddedDatabaseAsync(default) : null;
            // The host has its own handling of SIGTERM and Ctrl+C.
            if (parsed.Action is ParseErrorAction mistake)
            {
                mistake.ShowHelp = false; // it would push the sentence that says what is wrong off the screen
            }

            var code = await parsed.InvokeAsync(
                new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }
            );
            return parsed.Action is ParseErrorAction ? ExitCode.NotUnderstood : code;
        }
        catch (EmbeddedPostgresException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return ExitCode.Failed;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogFailed(app.Logger, e.Cause());
            return ExitCode.Failed;
        }
    }

    /// <summary>What a command does not know and the configuration would not read, either: its keys have a colon.</summary>
    private static string? Stray(IReadOnlyList<string> unmatched)
    {
        for (var i = 0; i < unmatched.Count; i++)
        {
            if (!unmatched[i].StartsWith("--", StringComparison.Ordinal) || !unmatched[i].Contains(':'))
            {
                return unmatched[i];
            }

            i += unmatched[i].Contains('=') ? 0 : 1; // its value
        }

        return null;
    }

    /// <summary>Help and mistakes need none.</summary>
    private static bool NeedsDatabase(ParseResult parsed) =>
        parsed.Action == parsed.CommandResult.Command.Action
        && parsed.CommandResult.Command is DatabaseCommand or RootCommand;

    private static async Task<int> ServeAsync(WebApplication app, CancellationToken cancellationToken)
    {
        app.WarnIfAdminIsClosed();
        var state = app.Services.GetRequiredService<SchemaState>();
        try
        {
            await app.StartAsync(cancellationToken);
            await app.WaitForShutdownAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (state.Failure is not null)
        {
            // the schema's failure stopped a host that had not quite started
        }

        if (state.Failure is { } failure)
        {
            throw failure; // the cause becomes the last log line
        }

        return ExitCode.Done;
    }

    [LoggerMessage(LogLevel.Critical, "Exact ends: {Cause}")]
    private static partial void LogFailed(ILogger logger, string cause);
}
