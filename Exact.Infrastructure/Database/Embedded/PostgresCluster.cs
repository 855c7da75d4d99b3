using System.Buffers.Text;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Exact.Infrastructure.Database.Embedded;

/// <summary>One cluster of our own: made once, started, found running, stopped. Whoever calls holds the start lock.</summary>
internal sealed partial class PostgresCluster(
    PostgresPlace place,
    PostgresBinaries binaries,
    EmbeddedPostgresOptions options,
    ILogger logger
)
{
    private const string Superuser = "postgres";
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    private readonly Deadline deadline = Deadline.After(options.StartTimeout);

    private string Data => Path.Combine(place.Home, "data");

    private string Log => Path.Combine(place.Home, "server.log");

    private string PortFile => Path.Combine(options.DataFolder, "port");

    /// <summary>The cluster of this data folder, which is made if there is none.</summary>
    public static async Task<PostgresCluster> OpenAsync(
        EmbeddedPostgresOptions options,
        ILogger logger,
        CancellationToken cancellationToken
    )
    {
        var place = await PostgresPlace.ChooseAsync(options.DataFolder, logger, cancellationToken);
        var major = MajorOf(Path.Combine(place.Home, "data"));
        var binaries = await PostgresBinaries.FindAsync(
            options,
            major,
            place.Downloads,
            place.Account,
            logger,
            cancellationToken
        );
        var cluster = new PostgresCluster(place, binaries, options, logger);
        if (major is null)
        {
            await cluster.CreateAsync(cancellationToken);
        }

        return cluster;
    }

    /// <summary>The connection string of the superuser, for the database <c>exact</c>, which the migrator creates.</summary>
    public string ConnectionString(int port) =>
        new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1",
            Port = port,
            Username = Superuser,
            Password = File.ReadAllText(Path.Combine(place.Home, "password")).Trim(),
            Database = "exact",
        }.ConnectionString;

    /// <summary>The port of the running server, once it answers; null if none is running.</summary>
    public async Task<int?> FindRunningAsync(CancellationToken cancellationToken)
    {
        Exception? refusal = null;
        while (PostmasterFile.Read(Data) is { } running)
        {
            if (!running.IsAlive(Data))
            {
                // PostgreSQL removes a dead server's file itself, but not if its process number has passed to someone else.
                File.Delete(PostmasterFile.PathIn(Data));
                return null;
            }

            if (running.IsReady)
            {
                refusal = await RefusalAsync(running.Port, cancellationToken);
                if (refusal is null)
                {
                    return running.Port;
                }
            }

            // It is starting, recovering or stopping: each of these ends.
            if (deadline.HasPassed)
            {
                throw Failure(
                    $"The embedded PostgreSQL (process {running.ProcessId}) runs but does not answer",
                    refusal
                );
            }

            await Task.Delay(PollInterval, cancellationToken);
        }

        return null;
    }

    /// <summary>Starts the server and returns its port: the one it had, unless somebody else took that meanwhile.</summary>
    public async Task<int> StartAsync(CancellationToken cancellationToken)
    {
        var port = FreePort(RememberedPort());
        while (true)
        {
            if (File.Exists(Log))
            {
                File.Move(Log, $"{Log}.old", overwrite: true);
            }

            var timeout = ((int)options.StartTimeout.TotalSeconds).ToString(CultureInfo.InvariantCulture);
            var start = await RunAsync(
                "pg_ctl",
                ["start", "--silent", "--wait", "--timeout", timeout, "-D", Data, "-l", Log, "-o", Settings(port)],
                cancellationToken
            );
            if (start.Succeeded && await RefusalAsync(port, cancellationToken) is null)
            {
                await File.WriteAllTextAsync(PortFile, port.ToString(CultureInfo.InvariantCulture), cancellationToken);
                LogStarted(logger, binaries.Major, port, place.Home);
                return port;
            }

            // Two things pass: someone was quicker at the port, and a killed server's last processes are still on their way out.
            var reason = File.Exists(Log) ? await File.ReadAllTextAsync(Log, cancellationToken) : start.Output;
            if (deadline.HasPassed || !(reason.Contains("could not bind") || reason.Contains("shared memory block")))
            {
                throw Failure($"The embedded PostgreSQL does not start: {start.Output}\n{reason}".TrimEnd());
            }

            port = FreePort(port);
            await Task.Delay(PollInterval, cancellationToken);
        }
    }

    /// <summary>Ends every session and stops the server.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        var stop = await RunAsync(
            "pg_ctl",
            ["stop", "--silent", "--wait", "--mode", "fast", "-D", Data],
            cancellationToken
        );
        if (stop.Succeeded)
        {
            LogStopped(logger, place.Home);
        }
        else if (File.Exists(PostmasterFile.PathIn(Data)))
        {
            LogNotStopped(logger, place.Home, stop.Output);
        }
    }

    // Everything is made under another name and then renamed: a cluster that bears its true name is whole, its password included.
    private async Task CreateAsync(CancellationToken cancellationToken)
    {
        if (Directory.Exists(place.Home))
        {
            throw new EmbeddedPostgresException(
                $"The folder {place.Home} holds no cluster that this account can read. If another account made it, run Exact under "
                    + "that account; if it is damaged, move it aside, and a new one is made."
            );
        }

        await RemoveLeftoverAsync(cancellationToken);

        LogCreating(logger, binaries.Major, place.Home);
        Directory.CreateDirectory(place.Draft);
        var passwordFile = Path.Combine(place.Draft, "password");
        PrivateFiles.Write(passwordFile, Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(24)));
        if (!OperatingSystem.IsWindows())
        {
            const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
            File.SetUnixFileMode(place.Draft, OwnerOnly);
        }

        if (place.Account is not null)
        {
            await place.Account.TakeOverAsync(place.Draft, cancellationToken);
        }

        var draftData = Path.Combine(place.Draft, "data");
        CommandOutcome made = default;
        foreach (var locale in Locales())
        {
            made = await RunAsync(
                "initdb",
                [
                    .. new[] { "-D", draftData, "--encoding=UTF8", "--auth=scram-sha-256" },
                    .. new[] { $"--username={Superuser}", $"--pwfile={passwordFile}", "--lc-messages=C" },
                    .. locale,
                    .. options.Durable ? Array.Empty<string>() : ["--no-sync"],
                ],
                cancellationToken,
                place.Draft
            );
            if (made.Succeeded || !made.Output.Contains("locale"))
            {
                break;
            }
        }

        if (!made.Succeeded)
        {
            throw Failure($"The embedded PostgreSQL's cluster could not be made: {made.Output}");
        }

        Directory.Move(place.Draft, place.Home);
    }

    // A killed process's initdb lives on for a moment and may still add files to what is being deleted.
    private async Task RemoveLeftoverAsync(CancellationToken cancellationToken)
    {
        while (Directory.Exists(place.Draft))
        {
            try
            {
                Directory.Delete(place.Draft, recursive: true);
            }
            catch (IOException) when (!deadline.HasPassed)
            {
                await Task.Delay(PollInterval, cancellationToken);
            }
        }
    }

    // The built-in provider (17 and later) is the same everywhere; before that the system's C.UTF-8 where it has one; C knows ASCII's case only.
    private IEnumerable<string[]> Locales()
    {
        if (binaries.Major >= 17)
        {
            yield return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"];
        }

        yield return ["--locale=C.UTF-8"];
        yield return ["--locale=C"];
    }

    // On the command line rather than in postgresql.conf, so that they are always those of this version of Exact. Loopback is the only
    // door: a Unix socket's path may have 107 bytes, and a project's folder is easily longer.
    private string Settings(int port) =>
        string.Join(
            ' ',
            [
                "-c listen_addresses=127.0.0.1",
                $"-c port={port}",
                "-c unix_socket_directories=",
                $"-c max_connections={options.MaxConnections}",
                .. options.Durable ? Array.Empty<string>() : ["-c fsync=off", "-c full_page_writes=off"],
            ]
        );

    /// <summary>Why the server on this port does not let us in; null if it does. Only ours knows the password.</summary>
    private async Task<Exception?> RefusalAsync(int port, CancellationToken cancellationToken)
    {
        try
        {
            var server = new NpgsqlConnectionStringBuilder(ConnectionString(port))
            {
                Database = "postgres",
                Pooling = false,
                Timeout = 5,
            };
            await using var connection = new NpgsqlConnection(server.ConnectionString);
            await connection.OpenAsync(cancellationToken);
            return null;
        }
        catch (NpgsqlException e)
        {
            return e;
        }
    }

    private Task<CommandOutcome> RunAsync(
        string program,
        string[] arguments,
        CancellationToken cancellationToken,
        string? workingFolder = null
    ) =>
        CommandLineTool.RunAsync(
            binaries.Program(program),
            arguments,
            workingFolder ?? place.Home,
            place.Account?.Name,
            cancellationToken
        );

    private int? RememberedPort() =>
        File.Exists(PortFile) && int.TryParse(File.ReadAllText(PortFile), CultureInfo.InvariantCulture, out var port)
            ? port
            : null;

    private static int FreePort(int? preferred)
    {
        foreach (var port in preferred is null ? [0] : new[] { preferred.Value, 0 })
        {
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return ((IPEndPoint)listener.LocalEndpoint).Port;
            }
            catch (SocketException) when (port != 0)
            {
                // taken: the system chooses another
            }
        }

        throw new InvalidOperationException("The system has no free port.");
    }

    private static int? MajorOf(string data)
    {
        var file = Path.Combine(data, "PG_VERSION");
        return File.Exists(file) ? int.Parse(File.ReadAllText(file), CultureInfo.InvariantCulture) : null;
    }

    private static EmbeddedPostgresException Failure(string message, Exception? cause = null) =>
        new($"{message}{(cause is null ? "" : $": {cause.Message}")}\n{EmbeddedPostgresException.WaysOut()}", cause);

    [LoggerMessage(LogLevel.Information, "Making the embedded PostgreSQL {Major} in {Folder}.")]
    private static partial void LogCreating(ILogger logger, int major, string folder);

    [LoggerMessage(
        LogLevel.Information,
        "The embedded PostgreSQL {Major} runs on 127.0.0.1:{Port}, its data is in {Folder}."
    )]
    private static partial void LogStarted(ILogger logger, int major, int port, string folder);

    [LoggerMessage(LogLevel.Information, "The embedded PostgreSQL in {Folder} has stopped.")]
    private static partial void LogStopped(ILogger logger, string folder);

    [LoggerMessage(LogLevel.Warning, "The embedded PostgreSQL in {Folder} did not stop: {Reason}")]
    private static partial void LogNotStopped(ILogger logger, string folder, string reason);
}
