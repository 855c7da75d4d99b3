using System.Diagnostics;
using Exact.Infrastructure.Database;
using Microsoft.Extensions.Logging.Abstractions;

namespace Exact.Tests.Support;

/// <summary>Another process that uses the embedded PostgreSQL of a folder, and that can be killed: this very program, started once more.</summary>
internal sealed class EmbeddedPostgresUser : IDisposable
{
    private const string FolderVariable = "EXACT_EMBEDDED_FOLDER";

    private readonly Process process;
    private readonly Task<string> errors;

    public EmbeddedPostgresUser(string folder, string account = "")
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            UserName = account,
            WorkingDirectory = Path.GetPathRoot(folder),
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var program = typeof(EmbeddedPostgresUser).Assembly.Location;
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet")
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
