namespace Exact.Infrastructure.Database;

/// <summary>How the embedded PostgreSQL is kept and run; only <see cref="DataFolder"/> has to be said.</summary>
internal sealed class EmbeddedPostgresOptions
{
    /// <summary>The project's own folder for it: the locks, the port, and (where the server can reach it) the cluster.</summary>
    public required string DataFolder
    {
        get;
        init => field = Path.GetFullPath(value);
    }

    /// <summary>How long a start may take, recovery after a crash and the wait for another process's start included.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How many sessions the server allows at once.</summary>
    public int MaxConnections { get; init; } = 100;

    /// <summary>False trades safety against a power cut for speed: for data that only a test run needs.</summary>
    public bool Durable { get; init; } = true;

    /// <summary>Where to look for PostgreSQL's programs; null means where installers put them.</summary>
    public IReadOnlyList<string>? BinaryFolders { get; init; }

    /// <summary>Whether PostgreSQL's programs may be downloaded when this machine has none.</summary>
    public bool Download { get; init; } = true;
}
