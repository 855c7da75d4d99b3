namespace Exact.Infrastructure.Database;

/// <summary>The options of the embedded PostgreSQL; only <see cref="DataFolder"/> is required.</summary>
internal sealed class EmbeddedPostgresOptions
{
    /// <summary>The folder for the locks, the port and, if the server can reach it, the cluster.</summary>
    public required string DataFolder
    {
        get;
        init => field = Path.GetFullPath(value);
    }

    /// <summary>How long a start may take, including crash recovery and the wait for another process.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How many sessions the server allows.</summary>
    public int MaxConnections { get; init; } = 100;

    /// <summary>False makes the server faster, but a power failure can then destroy the data: for tests only.</summary>
    public bool Durable { get; init; } = true;

    /// <summary>Where to look for PostgreSQL's programs; null for the usual folders.</summary>
    public IReadOnlyList<string>? BinaryFolders { get; init; }

    /// <summary>Whether PostgreSQL's programs may be downloaded if none are installed.</summary>
    public bool Download { get; init; } = true;

    /// <summary>The major version of the programs to download for a new cluster.</summary>
    public int DownloadedMajor { get; init; } = 17;

    /// <summary>The Maven repository of the downloads; null for Maven Central.</summary>
    public Uri? DownloadsFrom { get; init; }

    /// <summary>Whether a server that dies while it is used is started again.</summary>
    public bool Restart { get; init; } = true;
}
