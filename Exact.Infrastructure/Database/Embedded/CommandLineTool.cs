using System.Diagnostics;

namespace Exact.Infrastructure.Database.Embedded;

/// <summary>Runs a program to its end, if need be under another account, and keeps what it said.</summary>
internal static class CommandLineTool
{
    private static readonly TimeSpan OutputGrace = TimeSpan.FromSeconds(1);

    /// <summary>Without an account the program runs under our own; only root may choose one.</summary>
    public static async Task<CommandOutcome> RunAsync(
        string program,
        IEnumerable<string> arguments,
        string workingFolder,
        string? account,
        CancellationToken cancellationToken
    )
    {
        using var process = Start(program, arguments, workingFolder, account);
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            await process.WaitForExitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        // On Windows a server that was started inherits the pipes, so their end comes when it stops: do not wait for that.
        await Task.WhenAny(Task.WhenAll(output, errors), Task.Delay(OutputGrace, CancellationToken.None));
        return new CommandOutcome(process.ExitCode, $"{Text(output)}\n{Text(errors)}".Trim());
    }

    /// <summary>Starts a program; no shell sees its arguments.</summary>
    public static Process Start(string program, IEnumerable<string> arguments, string workingFolder, string? account)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = workingFolder, // the account may be unable to enter ours
            UserName = account ?? "", // .NET changes user, group and groups itself: neither su, runuser nor setpriv is needed
            UseShellExecute = false,
            CreateNoWindow = true, // Windows: a console of its own, so that Ctrl+C in ours does not end the server
            RedirectStandardInput = true,
            RedirectStandardOutput = true, // our stdout may be an export
            RedirectStandardError = true,
        };
        foreach (
            var name in start.Environment.Keys.Where(name => name.StartsWith("PG", StringComparison.Ordinal)).ToList()
        )
        {
            start.Environment.Remove(name); // a PGPORT or PGDATA of the user's shell is about another server
        }

        start.Environment["LC_ALL"] = "C"; // messages that we can read; and on macOS the server does not start without a locale

        var process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }

    private static string Text(Task<string> read) => read.IsCompletedSuccessfully ? read.Result : "";
}

internal readonly record struct CommandOutcome(int ExitCode, string Output)
{
    public bool Succeeded => ExitCode == 0;
}
