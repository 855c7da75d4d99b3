namespace Exact.Api.Commands;

/// <summary>The exit codes of the process.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int NotUnderstood = 2;

    /// <summary><c>status --check</c>: migrations are pending.</summary>
    public const int Pending = 3;

    /// <summary><c>status --check</c>: the database is ahead of this code.</summary>
    public const int Ahead = 4;

    /// <summary><c>status --check</c>: the database has been changed by hand.</summary>
    public const int Drifted = 5;

    /// <summary><c>files check</c>: files are missing, altered, orphaned or not adopted.</summary>
    public const int FilesDiffer = 6;
}
