using Exact.Infrastructure.Database.Embedded;
using Microsoft.Extensions.Logging;

namespace Exact.Infrastructure.Database;

/// <summary>
/// A PostgreSQL server for development, started by the first process that needs it, shared with others, and stopped by
/// the last.
/// </summary>
internal sealed partial class EmbeddedPostgres : IAsyncDisposable
{
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(1);

    private readonly EmbeddedPostgresOptions options;
    private readonly PostgresCluster cluster;
    private readonly int port;
    private readonly FileLock use;
    private readonly ILogger logger;
    private readonly CancellationTokenSource leaving = new();
    private readonly Task watch;
    private bool disposed;

    private EmbeddedPostgres(
        EmbeddedPostgresOptions options,
        PostgresCluster cluster,
        int port,
        FileLock use,
        ILogger logger
    )
    {
        this.options = options;
        this.cluster = cluster;
        this.port = port;
        this.use = use;
        this.logger = logger;
        ConnectionString = cluster.ConnectionString(port);
        watch = options.Restart ? WatchAsync() : Task.CompletedTask;
    }

    /// <summary>The superuser's connection string for the database <c>exact</c>, which may not exist yet.</summary>
    public string ConnectionString { get; }

    /// <summary>Starts the server of this data folder, or uses the one that another process has started.</summary>
    /// <exception cref="EmbeddedPostgresException">The server cannot run; the message says what to do instead.</exception>
    public static async Task<EmbeddedPostgres> StartAsync(
        EmbeddedPostgresOptions options,
        ILogger logger,
        CancellationToken cancellationToken = default
    )
    {
        try
        {
            PrivateFiles.CreateFolder(options.DataFolder);
            using var starting =
                await StartLockAsync(options.DataFolder, options.StartTimeout, cancellationToken)
                ?? throw new EmbeddedPostgresException(
                    $"Another process has been starting or stopping the embedded PostgreSQL in {options.DataFolder} "
                        + $"for {options.StartTimeout.TotalSeconds:0} seconds. Wait for that process or end it, then try again."
                );

            // Counts this process as a user before the server is looked for, so that no other process stops it.
            var use = FileLock.Share(UsersLock(options.DataFolder));
            PostgresCluster? cluster = null;
            try
            {
                cluster = await PostgresCluster.OpenAsync(options, logger, cancellationToken);
                var port = await cluster.RunAsync(cancellationToken);
                cancellationToken.ThrowIfCancellationRequested();
                return new EmbeddedPostgres(options, cluster, port, use, logger);
            }
            catch
            {
                await LeaveAsync(options.DataFolder, use, cluster);
                throw;
            }
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new EmbeddedPostgresException(
                $"""
                The embedded PostgreSQL cannot use the folder {options.DataFolder}: {e.Message}
                If the folder belongs to another account, run Exact under that account, or move the folder away.
                {EmbeddedPostgresException.WaysOut()}
                """,
                e
            );
        }
    }

    /// <summary>
    /// Stops the server if no other process uses it; a killed process does not count, because its lock is gone.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (disposed)
        {
            return;
        }

        disposed = true;
        await leaving.CancelAsync();
        await watch;
        leaving.Dispose();
        using var stopping = await StartLockAsync(options.DataFolder, StopPatience, CancellationToken.None);
        if (stopping is null)
        {
            use.Dispose();
            LogLeftRunning(logger, options.DataFolder); // the holder of the lock is about to use or stop the server
            return;
        }

        await LeaveAsync(options.DataFolder, use, cluster);
    }

    /// <summary>Ends the use, and stops the server if it was the last one. The caller holds the start lock.</summary>
    private static async Task LeaveAsync(string folder, FileLock use, PostgresCluster? cluster)
    {
        use.Dispose();
        using var last = FileLock.TryAcquire(UsersLock(folder));
        if (last is not null && cluster?.IsAlive is true)
        {
            await cluster.StopAsync(CancellationToken.None);
        }
    }

    /// <summary>Starts the server again, on the same port, when it dies while this process uses it.</summary>
    private async Task WatchAsync()
    {
        using var timer = new PeriodicTimer(CheckInterval);
        try
        {
            while (await timer.WaitForNextTickAsync(leaving.Token))
            {
                if (!cluster.IsAlive)
                {
                    await RestartAsync();
                }
            }
        }
        catch (OperationCanceledException) when (leaving.IsCancellationRequested)
        {
            // this process ends its use
        }
    }

    private async Task RestartAsync()
    {
        try
        {
            using var starting = await StartLockAsync(options.DataFolder, options.StartTimeout, leaving.Token);
            if (starting is null || cluster.IsAlive)
            {
                return; // another process is starting it, or has started it
            }

            LogDied(logger, options.DataFolder);
            if (await cluster.RunAsync(leaving.Token) is var found && found != port)
            {
                LogMoved(logger, options.DataFolder, found, port);
            }
        }
        catch (Exception e) when (e is EmbeddedPostgresException or IOException or UnauthorizedAccessException)
        {
            LogNotRestarted(logger, options.DataFolder, e.Message); // and it is tried again
        }
    }

    private static Task<FileLock?> StartLockAsync(
        string folder,
        TimeSpan patience,
        CancellationToken cancellationToken
    ) => FileLock.AcquireAsync(Path.Combine(folder, "start.lock"), patience, cancellationToken);

    private static string UsersLock(string folder) => Path.Combine(folder, "users.lock");

    [LoggerMessage(
        2110,
        LogLevel.Warning,
        "The embedded PostgreSQL in {Folder} keeps running: another process is starting or stopping it"
    )]
    private static partial void LogLeftRunning(ILogger logger, string folder);

    [LoggerMessage(
        2111,
        LogLevel.Warning,
        "The embedded PostgreSQL in {Folder} has died and is started again. Its server.log.old may say why"
    )]
    private static partial void LogDied(ILogger logger, string folder);

    [LoggerMessage(2112, LogLevel.Error, "The embedded PostgreSQL in {Folder} cannot be started again: {Reason}")]
    private static partial void LogNotRestarted(ILogger logger, string folder, string reason);

    [LoggerMessage(
        2113,
        LogLevel.Error,
        "The embedded PostgreSQL in {Folder} was started again on port {Port}, because another program has taken port {Old}. "
            + "Restart Exact"
    )]
    private static partial void LogMoved(ILogger logger, string folder, int port, int old);
}
