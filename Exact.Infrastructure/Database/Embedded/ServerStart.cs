using System.Globalization;
using System.Text;

namespace Exact.Infrastructure.Database.Embedded;

/// <summary>
/// Starts the server in its own session, so that it survives this process, Ctrl+C and a closed terminal.
/// </summary>
internal static class ServerStart
{
    // Not with pg_ctl, which starts it through a shell that would interpret the folder's name.

    public const string LogName = "server.log";

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);

    /// <summary>Starts the server, and returns when it is ready or has ended.</summary>
    /// <param name="settings">Each as <c>name=value</c>.</param>
    /// <returns>The server's messages from before it opened its log.</returns>
    public static Task<CommandOutcome> RunAsync(
        PostgresPlace place,
        PostgresBinaries binaries,
        IReadOnlyList<string> settings,
        Deadline deadline,
        CancellationToken cancellationToken
    ) =>
        FindProgram("setsid") is { } setsid
            ? StartAsync(setsid, place, binaries, settings, deadline, cancellationToken)
            : ControlAsync(place, binaries, settings, deadline, cancellationToken);

    private static async Task<CommandOutcome> StartAsync(
        string setsid,
        PostgresPlace place,
        PostgresBinaries binaries,
        IReadOnlyList<string> settings,
        Deadline deadline,
        CancellationToken cancellationToken
    )
    {
        IEnumerable<string> all =
        [
            .. settings,
            // A file, because pipes would end with this process. The path is relative to the data folder.
            "logging_collector=on",
            "log_directory=..",
            $"log_filename={LogName}",
            "log_rotation_age=0",
            "log_rotation_size=0",
            "log_file_mode=0600",
        ];
        // Twice: the first becomes the leader of a session, so the second has to fork and end. The server is then not a
        // child of this process, and does not end with it.
        using var process = CommandLineTool.Start(
            setsid,
            [setsid, binaries.Program("postgres"), "-D", place.Data, .. all.SelectMany(one => new[] { "-c", one })],
            place.Home,
            place.Account?.Name
        );
        var said = new StringBuilder();
        var ended = Task.WhenAll(ReadAsync(process.StandardOutput, said), ReadAsync(process.StandardError, said));
        try
        {
            while (true)
            {
                var server = PostmasterFile.Read(place.Data);
                if (server is { IsReady: true })
                {
                    return new CommandOutcome(0, Text());
                }

                if (ended.IsCompleted || deadline.HasPassed)
                {
                    return new CommandOutcome(1, Text());
                }

                if (server is not null)
                {
                    cancellationToken.ThrowIfCancellationRequested(); // not before: a server without its file cannot be stopped
                }

                await Task.Delay(PollInterval, CancellationToken.None);
            }
        }
        finally
        {
            process.StandardOutput.Dispose(); // the server keeps its ends open
            process.StandardError.Dispose();
        }

        string Text()
        {
            lock (said)
            {
                return said.ToString().Trim();
            }
        }
    }

    /// <summary>
    /// Starts it with pg_ctl where there is no setsid (macOS, Windows); the shell sees only fixed names.
    /// </summary>
    private static Task<CommandOutcome> ControlAsync(
        PostgresPlace place,
        PostgresBinaries binaries,
        IReadOnlyList<string> settings,
        Deadline deadline,
        CancellationToken cancellationToken
    ) =>
        CommandLineTool.RunAsync(
            binaries.Program("pg_ctl"),
            [
                "start",
                "--silent",
                "--wait",
                string.Create(CultureInfo.InvariantCulture, $"--timeout={Math.Ceiling(deadline.Left.TotalSeconds)}"),
                $"--pgdata={PostgresPlace.DataName}",
                $"--log={LogName}",
                $"--options={string.Join(' ', settings.Select(one => $"-c {one}"))}",
            ],
            place.Home,
            place.Account?.Name,
            cancellationToken
        );

    private static async Task ReadAsync(StreamReader reader, StringBuilder said)
    {
        try
        {
            while (await reader.ReadLineAsync() is { } line)
            {
                lock (said)
                {
                    said.AppendLine(line);
                }
            }
        }
        catch (Exception e) when (e is ObjectDisposedException or InvalidOperationException or IOException)
        {
            // the server is ready, and its output is no longer read
        }
    }

    private static string? FindProgram(string name) =>
        OperatingSystem.IsWindows()
            ? null
            : $"{Environment.GetEnvironmentVariable("PATH")}:/usr/bin:/bin"
                .Split(':', StringSplitOptions.RemoveEmptyEntries)
                .Select(folder => Path.Combine(folder, name))
                .FirstOrDefault(File.Exists);
}
