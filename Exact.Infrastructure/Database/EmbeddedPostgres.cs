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

    private readonly string dataFolder;
    private readonly PostgresCluster cluster;
    private readonly FileLock use;
    private readonly ILogger logger;
    private bool disposed;

    private EmbeddedPostgres(string dataFolder, PostgresCluster cluster, int port, FileLock use, ILogger logger)
    {
        this.dataFolder = dataFolder;
        this.cluster = cluster;
        this.use = use;
        this.logger = logger;
        ConnectionString = cluster.ConnectionString(port);
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
            try
            {
                var cluster = await PostgresCluster.OpenAsync(options, logger, cancellationToken);
                var port = await cluster.RunAsync(cancellationToken);
                return new EmbeddedPostgres(options.DataFolder, cluster, port, use, logger);
            }
            catch
            {
                use.Dispose();
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
        using var stopping = await StartLockAsync(dataFolder, StopPatience, CancellationToken.None);
        use.Dispose();
        if (stopping is null)
        {
            LogLeftRunning(logger, dataFolder); // the holder of the lock is about to use or stop the server
            return;
        }

        using var last = FileLock.TryAcquire(UsersLock(dataFolder));
        if (last is not null)
        {
            await cluster.StopAsync(CancellationToken.None);
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
}
