using System.Diagnostics;

namespace Exact.Infrastructure.Database.Embedded;

/// <summary>Runs a program, optionally under another account, and captures its output.</summary>
internal static class CommandLineTool
{
    private static readonly TimeSpan OutputGrace = TimeSpan.FromSeconds(1);

    /// <summary>Runs a program to its end. Only root may run it under another account.</summary>
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

        // On Windows a started server inherits the pipes and keeps them open: do not wait for their end.
        await Task.WhenAny(Task.WhenAll(output, errors), Task.Delay(OutputGrace, CancellationToken.None));
        return new CommandOutcome(process.ExitCode, $"{Text(output)}\n{Text(errors)}".Trim());
    }

    /// <summary>Starts a program without a shell.</summary>
    public static Process Start(string program, IEnumerable<string> arguments, string workingFolder, string? account)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = workingFolder, // the account may have no access to the current folder
            UserName = account ?? "", // .NET changes user and groups itself, without su or runuser
            UseShellExecute = false,
            CreateNoWindow = true, // Windows: a console of its own, so that Ctrl+C here does not end the server
            RedirectStandardInput = true,
            RedirectStandardOutput = true, // stdout may carry an export
            RedirectStandardError = true,
        };
        foreach (
            var name in start.Environment.Keys.Where(name => name.StartsWith("PG", StringComparison.Ordinal)).ToList()
        )
        {
            start.Environment.Remove(name); // PGPORT or PGDATA in the user's shell mean another server
        }

        start.Environment["LC_ALL"] = "C"; // known messages; and on macOS the server needs a locale

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
