using Exact.Infrastructure.Transfer.Archive;

namespace Exact.Infrastructure.Backups;

/// <summary>A complete backup, as a small file beside it describes it.</summary>
internal sealed record Backup
{
    /// <summary>The name of the archive.</summary>
    public required string Name { get; init; }

    public required DateTimeOffset TakenAt { get; init; }

    /// <summary>The length of the archive.</summary>
    public required long Bytes { get; init; }

    /// <summary>The records; null if nothing describes the archive.</summary>
    public long? Records { get; init; }

    /// <summary>The stored files.</summary>
    public long? Files { get; init; }

    /// <summary>The newest migration that the database had.</summary>
    public string? Schema { get; init; }

    /// <summary>The version of Exact that wrote it.</summary>
    public string? Version { get; init; }

    /// <summary>Whether it was restored into a scratch database, which equalled its manifest.</summary>
    public bool Verified { get; init; }

    /// <summary>Why it is not verified.</summary>
    public string? Error { get; init; }

    /// <summary>Keys of files that were missing or altered in the file store already.</summary>
    public IReadOnlyList<string> Damaged { get; init; } = [];

    public static Backup Of(string name, long bytes, ArchiveManifest manifest, string? error) =>
        new()
        {
            Name = name,
            TakenAt = manifest.TakenAt,
            Bytes = bytes,
            Records = manifest.Records,
            Files = manifest.Files,
            Schema = manifest.Schema,
            Version = manifest.Version,
            Verified = error is null,
            Error = error,
            Damaged = manifest.Damaged,
        };
}
