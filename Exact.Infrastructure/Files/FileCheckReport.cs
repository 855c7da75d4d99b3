namespace Exact.Infrastructure.Files;

/// <summary>What is wrong with a file, or what was done about it.</summary>
internal enum FileState
{
    /// <summary>The database names it, and the store does not have it.</summary>
    Missing,

    /// <summary>Its size or its SHA-256 is not that of the upload.</summary>
    Altered,

    /// <summary>No challenge or submission names it.</summary>
    Orphaned,

    /// <summary>A challenge names it, but it was not uploaded here.</summary>
    NotAdopted,

    Adopted,
    Deleted,
}

/// <summary>A file that is not as it should be, or was not.</summary>
internal sealed record FileFinding(FileState State, string Key, string Detail)
{
    /// <summary>Whether there is nothing left to do.</summary>
    public bool IsDone => State is FileState.Adopted or FileState.Deleted;
}

/// <summary>The result of a check.</summary>
/// <param name="Files">The number of files in the store.</param>
/// <param name="Bytes">Their size.</param>
/// <param name="Unfinished">The number of deleted remains of uploads.</param>
/// <param name="Findings">What is not as it should be, or was not.</param>
internal sealed record FileCheckReport(long Files, long Bytes, int Unfinished, IReadOnlyList<FileFinding> Findings);
