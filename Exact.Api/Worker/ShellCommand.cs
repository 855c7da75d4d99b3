using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Exact.Api.Worker;

/// <summary>Runs a line of the operator in a shell, and ends it with everything that it has started.</summary>
internal static class ShellCommand
{
    private const int Kill = 9;

    /// <summary>How long to wait for the rest of the output after the end; a grandchild may hold the pipes.</summary>
    private static readonly TimeSpan OutputGrace = TimeSpan.FromSeconds(1);

    /// <summary>Runs the command to its end, or kills it when it is cancelled.</summary>
    /// <param name="command">The line for the shell.</param>
    /// <param name="folder">The current folder of the command.</param>
    /// <param name="environment">Variables besides those of this process.</param>
    /// <param name="output">Receives stdout.</param>
    /// <param name="log">Receives stdout and stderr.</param>
    /// <param name="cancellationToken">Kills it.</param>
    public static async Task<int> RunAsync(
        string command,
        string folder,
        IReadOnlyDictionary<string, string> environment,
        OutputTail output,
        OutputTail log,
        CancellationToken cancellationToken
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var process = Process.Start(Describe(command, folder, environment))!;
        process.StandardInput.Close();
        var reading = Task.WhenAll(
            CopyAsync(process.StandardOutput, output, log),
            CopyAsync(process.StandardError, log)
        );
        try
        {
            await process.WaitForExitAsync(cancellationToken);
        }
        finally
        {
            KillGroup(process); // also what the command has left running
        }

        await Task.WhenAny(reading, Task.Delay(OutputGrace, CancellationToken.None));
        return process.ExitCode;
    }

    private static ProcessStartInfo Describe(
        string command,
        string folder,
        IReadOnlyDictionary<string, string> environment
    )
    {
        string[] line =
            OperatingSystem.IsWindows() ? ["cmd.exe", "/c", command]
            : OperatingSystem.IsLinux() ? ["setsid", "/bin/sh", "-c", command] // a process group of its own
            : ["/bin/sh", "-c", command];
        var start = new ProcessStartInfo(line[0], line[1..])
        {
            WorkingDirectory = folder,
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // Settings of Exact, such as EXACT_TOKEN and Admin__Key, are not for a participant's method.
        foreach (var name in start.Environment.Keys.Where(IsSetting).ToList())
        {
            start.Environment.Remove(name);
        }

        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return start;
    }

    private static bool IsSetting(string name) =>
        name.StartsWith("EXACT_", StringComparison.OrdinalIgnoreCase) || name.Contains("__", StringComparison.Ordinal);

    private static void KillGroup(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or AggregateException or Win32Exception)
        {
            // it has ended, or a part of it has
        }

        if (OperatingSystem.IsLinux())
        {
            _ = SendSignal(-process.Id, Kill); // also those whose parent has ended
        }
    }

    private static async Task CopyAsync(StreamReader from, params OutputTail[] tails)
    {
        var buffer = new char[4096];
        while (await from.ReadAsync(buffer) is > 0 and var read)
        {
            foreach (var tail in tails)
            {
                tail.Append(buffer.AsSpan(0, read));
            }
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int process, int signal);
}
