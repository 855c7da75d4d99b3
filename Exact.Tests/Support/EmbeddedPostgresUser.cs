using System.Diagnostics;
using Exact.Infrastructure.Database;
using Microsoft.Extensions.Logging.Abstractions;

namespace Exact.Tests.Support;

/// <summary>
/// Another process that uses the embedded PostgreSQL of a folder, and that can be killed: this very program, started
/// once more.
/// </summary>
internal sealed class EmbeddedPostgresUser : IDisposable
{
    private const string FolderVariable = "EXACT_EMBEDDED_FOLDER";

    private readonly Process process;
    private readonly Task<string> errors;

    /// <param name="folder">The server's data folder.</param>
    /// <param name="account">Another account to run under.</param>
    /// <param name="inSession">Whether it leads a session of its own, to all of which a signal can be sent.</param>
    public EmbeddedPostgresUser(string folder, string account = "", bool inSession = false)
    {
        var start = new ProcessStartInfo(inSession ? "setsid" : Environment.ProcessPath!)
        {
            UserName = account,
            WorkingDirectory = Path.GetPathRoot(folder),
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var program = typeof(EmbeddedPostgresUser).Assembly.Location;
        if (inSession)
        {
            start.ArgumentList.Add(Environment.ProcessPath!);
        }

        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(program);
        }

        start.Environment["DOTNET_STARTUP_HOOKS"] = program;
        start.Environment[FolderVariable] = folder;
        process = Process.Start(start)!;
        errors = process.StandardError.ReadToEndAsync();
    }

    /// <summary>The other end, which <see cref="StartupHook"/> calls: uses the server until the test lets go.</summary>
    public static void RunIfAsked()
    {
        if (Environment.GetEnvironmentVariable(FolderVariable) is { } folder)
        {
            RunAsync(folder).GetAwaiter().GetResult();
            Environment.Exit(0);
        }
    }

    /// <summary>The connection string that the process got, once it has one.</summary>
    public async Task<string> ConnectionStringAsync() =>
        await process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException(await errors);

    /// <summary>Lets the process leave in good order.</summary>
    public async Task LeaveAsync()
    {
        process.StandardInput.Close();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await errors);
    }

    /// <summary>Sends a signal to all of its process group, as a terminal does at Ctrl+C, and waits for its end.</summary>
    public async Task SignalGroupAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", "--", $"-{process.Id}"]);
        await kill.WaitForExitAsync();
        Assert.Equal(0, kill.ExitCode);
        await process.WaitForExitAsync();
    }

    /// <summary>Ends it, and whatever counts as its children, as <c>dotnet watch</c> does.</summary>
    public async Task KillTreeAsync()
    {
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
    }

    /// <summary>Ends it as <c>kill -9</c> does.</summary>
    public async Task KillAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            process.Kill();
        }

        process.Dispose();
    }

    private static async Task RunAsync(string folder)
    {
        var options = new EmbeddedPostgresOptions { DataFolder = folder, Durable = false };
        await using var server = await EmbeddedPostgres.StartAsync(options, NullLogger.Instance);
        Console.WriteLine(server.ConnectionString);
        Console.ReadLine();
    }
}
