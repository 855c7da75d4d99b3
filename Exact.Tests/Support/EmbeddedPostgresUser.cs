using System.Diagnostics;
using Exact.Infrastructure.Database;
using Microsoft.Extensions.Logging.Abstractions;

/// <summary>
/// The other end of <see cref="Exact.Tests.Support.EmbeddedPostgresUser"/>: this very program, started once more, with a hook that
/// runs before Main (https://github.com/dotnet/runtime/blob/main/docs/design/features/host-startup-hook.md asks for this name).
/// </summary>
internal static class StartupHook
{
    public static void Initialize()
    {
        RunAsync(Environment.GetEnvironmentVariable("EXACT_EMBEDDED_FOLDER")!).GetAwaiter().GetResult();
        Environment.Exit(0);
    }

    private static async Task RunAsync(string folder)
    {
        var options = new EmbeddedPostgresOptions { DataFolder = folder, Durable = false };
        await using var server = await EmbeddedPostgres.StartAsync(options, NullLogger.Instance);
        Console.WriteLine(server.ConnectionString);
        Console.ReadLine(); // until the test lets go
    }
}

namespace Exact.Tests.Support
{
    /// <summary>Another process that uses the embedded PostgreSQL of a folder, and that can be killed.</summary>
    internal sealed class EmbeddedPostgresUser : IDisposable
    {
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
            start.Environment["DOTNET_STARTUP_HOOKS"] = typeof(EmbeddedPostgresUser).Assembly.Location;
            start.Environment["EXACT_EMBEDDED_FOLDER"] = folder;
            process = Process.Start(start)!;
            errors = process.StandardError.ReadToEndAsync();
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
    }
}
