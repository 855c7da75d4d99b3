using System.CommandLine;
using Exact.Infrastructure.Migrating;

namespace Exact.Api.Commands;

/// <summary>The same binary is the service and its tools. Exit codes: 0 done, 1 failed, 2 not understood; more at each command.</summary>
internal static partial class CommandLine
{
    /// <summary>Runs the command that the arguments name; without one, serves HTTP until the process is told to stop.</summary>
    public static async Task<int> RunCommandAsync(this WebApplication app, string[] args)
    {
        var root = new RootCommand("Exact: the challenge API. Without a command it serves HTTP.")
        {
            MigrateCommand.Create(app.Services),
            StatusCommand.Create(app.Services),
            ScriptCommand.Create(app.Services),
            HealthCommand.Create(app.Configuration),
        };
        // Settings of the host, such as --urls, are read by its configuration.
        root.TreatUnmatchedTokensAsErrors = false;
        root.SetAction((parsed, cancellationToken) => ServeAsync(app, parsed, cancellationToken));
        try
        {
            // The host has its own handling of SIGTERM and Ctrl+C.
            return await root.Parse(args)
                .InvokeAsync(new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogFailed(app.Logger, e.GetBaseException().Message);
            return ExitCode.Failed;
        }
    }

    private static async Task<int> ServeAsync(
        WebApplication app,
        ParseResult parsed,
        CancellationToken cancellationToken
    )
    {
        if (parsed.UnmatchedTokens is [var first, ..] && !first.StartsWith('-'))
        {
            await Console.Error.WriteLineAsync($"\"{first}\" is no command of exact; see exact --help.");
            return ExitCode.NotUnderstood;
        }

        await app.StartAsync(cancellationToken);
        await app.WaitForShutdownAsync(cancellationToken);
        if (app.Services.GetRequiredService<SchemaState>().Failure is { } failure)
        {
            throw failure; // the cause becomes the last log line
        }

        return ExitCode.Done;
    }

    [LoggerMessage(LogLevel.Critical, "Exact ends: {Cause}")]
    private static partial void LogFailed(ILogger logger, string cause);
}
