using System.Globalization;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Exact.Infrastructure.Database.Embedded;

/// <summary>Finds the embedded server running, starts it and stops it. The caller holds the start lock.</summary>
internal sealed partial class PostgresCluster(
    PostgresPlace place,
    PostgresBinaries binaries,
    EmbeddedPostgresOptions options,
    ILogger logger
)
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    // Transient failures: another process took the port, or the last processes of a killed server are still ending.
    private static readonly string[] PassingFailures = ["could not bind", "shared memory block", "lock file"];

    /// <summary>How long to wait for a server that has just created the file and is about to fill it.</summary>
    private static readonly TimeSpan FileGrace = TimeSpan.FromSeconds(5);

    private Deadline deadline = Deadline.After(options.StartTimeout);

    /// <summary>Whether the server's process is alive, and whether or not it accepts sessions.</summary>
    public bool IsAlive => PostmasterFile.Read(place.Data)?.IsAlive(place.Data) is true;

    private string Log => Path.Combine(place.Home, ServerStart.LogName);

    private string PortFile => Path.Combine(options.DataFolder, "port");

    /// <summary>Opens the cluster of this data folder, and creates it if there is none.</summary>
    public static async Task<PostgresCluster> OpenAsync(
        EmbeddedPostgresOptions options,
        ILogger logger,
        CancellationToken cancellationToken
    )
    {
        var place = await PostgresPlace.ChooseAsync(options.DataFolder, logger, cancellationToken);
        var major = MajorOf(place.Data);
        var binaries = await PostgresBinaries.FindAsync(
            options,
            major,
            place.Downloads,
            place.Account,
            logger,
            cancellationToken
        );
        if (major is null)
        {
            await new NewCluster(place, binaries, options, logger).CreateAsync(cancellationToken);
        }

        return new PostgresCluster(place, binaries, options, logger);
    }

    /// <summary>The superuser's connection string for the database <c>exact</c>, which the migrator creates.</summary>
    public string ConnectionString(int port) =>
        new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1",
            Port = port,
            Username = PostgresPlace.Superuser,
            Password = ReadPassword(),
            Database = "exact",
        }.ConnectionString;

    /// <summary>Finds the server running, or starts it on its previous port if that is free.</summary>
    /// <returns>The server's port.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        deadline = Deadline.After(options.StartTimeout);
        while (true)
        {
            if (await FindRunningAsync(cancellationToken) is { } port)
            {
                return port;
            }

            await TryStartAsync(cancellationToken);
        }
    }

    /// <summary>Ends every session and stops the server.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        var stop = await CommandLineTool.RunAsync(
            binaries.Program("pg_ctl"),
            ["stop", "--silent", "--wait", "--mode=fast", $"--pgdata={PostgresPlace.DataName}"], // only a signal, without a shell
            place.Home,
            place.Account?.Name,
            cancellationToken
        );
        if (stop.Succeeded)
        {
            LogStopped(logger, place.Home);
        }
        else if (IsAlive)
        {
            LogNotStopped(logger, place.Home, stop.Output);
        }
    }

    /// <summary>Waits until the running server answers, and returns its port; null if none is running.</summary>
    private async Task<int?> FindRunningAsync(CancellationToken cancellationToken)
    {
        while (await ReadPostmasterAsync(cancellationToken) is { } running)
        {
            if (!running.IsAlive(place.Data))
            {
                // PostgreSQL removes a dead server's file itself, unless another process now has its id.
                File.Delete(PostmasterFile.PathIn(place.Data));
                return null;
            }

            var port = running.Port ?? RememberedPort() ?? 0;
            var refusal = running.IsReady ? await RefusalAsync(port, cancellationToken) : null;
            if (running.IsReady && refusal is null)
            {
                return port;
            }

            // Otherwise it is starting, recovering or stopping, each of which ends. A wrong password is final.
            if (deadline.HasPassed || refusal is PostgresException { SqlState: PostgresErrorCodes.InvalidPassword })
            {
                throw EmbeddedPostgresException.Because(
                    $"The embedded PostgreSQL (process {running.ProcessId}, {place.Home}) is running but rejects the connection: "
                        + $"{refusal?.Message ?? "it is still starting or stopping. Wait, or end that process"}",
                    refusal
                );
            }

            await Task.Delay(PollInterval, cancellationToken);
        }

        return null;
    }

    /// <summary>Reads <c>postmaster.pid</c>; null if it does not exist.</summary>
    private async Task<PostmasterFile?> ReadPostmasterAsync(CancellationToken cancellationToken)
    {
        var path = PostmasterFile.PathIn(place.Data);
        var grace = Deadline.After(FileGrace);
        while (true)
        {
            if (PostmasterFile.Read(place.Data) is { } file)
            {
                return file;
            }

            if (!File.Exists(path))
            {
                return null;
            }

            if (grace.HasPassed)
            {
                throw new EmbeddedPostgresException(
                    $"The file {path} is empty or damaged, as after a power failure, so it does not say whether the embedded "
                        + "PostgreSQL is running. If no process \"postgres\" is running in that folder, delete the file and "
                        + "start Exact again."
                );
            }

            await Task.Delay(PollInterval, cancellationToken);
        }
    }

    private async Task TryStartAsync(CancellationToken cancellationToken)
    {
        if (File.Exists(Log))
        {
            File.Move(Log, $"{Log}.old", overwrite: true);
        }

        var port = FreePort.Find(RememberedPort());
        await File.WriteAllTextAsync(PortFile, port.ToString(CultureInfo.InvariantCulture), cancellationToken);
        var start = await ServerStart.RunAsync(place, binaries, Settings(port), deadline, cancellationToken);
        if (start.Succeeded)
        {
            LogStarted(logger, binaries.Major, port, place.Home);
            return;
        }

        // The output has the messages from before the log was opened.
        var reason =
            start.Output + "\n" + (File.Exists(Log) ? await File.ReadAllTextAsync(Log, cancellationToken) : "");
        if (deadline.HasPassed || !PassingFailures.Any(reason.Contains))
        {
            throw EmbeddedPostgresException.Because($"The embedded PostgreSQL does not start: {reason}".TrimEnd());
        }

        await Task.Delay(PollInterval, cancellationToken);
    }

    // On the command line, not in postgresql.conf, so that they belong to this version of Exact. Loopback only: the
    // path of a Unix socket is limited to 107 bytes, and a project's folder is easily longer.
    private string[] Settings(int port) =>
        [
            "listen_addresses=127.0.0.1",
            $"port={port}",
            "unix_socket_directories=",
            $"max_connections={options.MaxConnections}",
            .. options.Durable ? Array.Empty<string>() : ["fsync=off", "full_page_writes=off"],
        ];

    /// <summary>
    /// Why the server on this port rejects the connection; null if it accepts it. Only the embedded one knows the
    /// password.
    /// </summary>
    private async Task<NpgsqlException?> RefusalAsync(int port, CancellationToken cancellationToken)
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

    /// <summary>
    /// The port of the last start; null if the file is missing or has no port that an ordinary account may use.
    /// </summary>
    private int? RememberedPort() =>
        File.Exists(PortFile)
        && int.TryParse(File.ReadAllText(PortFile), CultureInfo.InvariantCulture, out var port)
        && port is >= 1024 and <= ushort.MaxValue
            ? port
            : null;

    private string ReadPassword() =>
        File.Exists(place.PasswordFile) && File.ReadAllText(place.PasswordFile).Trim() is { Length: > 0 } password
            ? password
            : throw new EmbeddedPostgresException(
                $"The file {place.PasswordFile} is missing or empty. It holds the password of the embedded PostgreSQL. "
                    + $"Restore it from a copy, or move {place.Home} away, and Exact creates a new database."
            );

    private static int? MajorOf(string data)
    {
        var file = Path.Combine(data, "PG_VERSION");
        if (!File.Exists(file))
        {
            return null;
        }

        return int.TryParse(File.ReadAllText(file), CultureInfo.InvariantCulture, out var major)
            ? major
            : throw new EmbeddedPostgresException(
                $"The file {file} is empty or damaged, so the version of the database in that folder is unknown. Restore the "
                    + $"folder from a copy, or move {Path.GetDirectoryName(data)} away, and Exact creates a new database."
            );
    }

    [LoggerMessage(
        2104,
        LogLevel.Information,
        "The embedded PostgreSQL {Major} runs on 127.0.0.1:{Port} with its data in {Folder}"
    )]
    private static partial void LogStarted(ILogger logger, int major, int port, string folder);

    [LoggerMessage(2105, LogLevel.Information, "The embedded PostgreSQL in {Folder} has stopped")]
    private static partial void LogStopped(ILogger logger, string folder);

    [LoggerMessage(2106, LogLevel.Warning, "The embedded PostgreSQL in {Folder} did not stop: {Reason}")]
    private static partial void LogNotStopped(ILogger logger, string folder, string reason);
}
