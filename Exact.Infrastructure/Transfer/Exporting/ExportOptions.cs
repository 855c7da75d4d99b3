using System.Text.Json.Serialization;
using Exact.Infrastructure.Transfer.Archive;

namespace Exact.Infrastructure.Transfer.Exporting;

/// <summary>What an export holds. The default is everything.</summary>
internal sealed record ExportOptions
{
    public FixtureFormat Format { get; init; }

    /// <summary>A tar archive with the stored files, too; see <see cref="ArchiveWriter"/>.</summary>
    public bool IsComplete { get; init; }

    /// <summary>Only these: labels such as <c>api.score</c>, or apps such as <c>api</c>. Empty means all.</summary>
    public IReadOnlyList<string> Models { get; init; } = [];

    /// <summary>All but these, named in the same way.</summary>
    public IReadOnlyList<string> Exclude { get; init; } = [];

    /// <summary>Only the challenge with this <c>challenge_id</c>, and what belongs to it.</summary>
    public string? Challenge { get; init; }

    /// <summary>Who will read it.</summary>
    public ExportTarget For { get; init; }

    /// <summary>What is left out of the records.</summary>
    public Redaction Redact { get; init; }

    /// <summary>How long to wait for a table that another session has locked, before the export is given up.</summary>
    public TimeSpan LockWait { get; init; } = TimeSpan.FromSeconds(30);
}

internal enum FixtureFormat
{
    /// <summary>One JSON list, a record a line.</summary>
    Json,

    /// <summary>A JSON object a line.</summary>
    Jsonl,
}

/// <summary>What an export leaves out of the records.</summary>
internal enum Redaction
{
    None,

    /// <summary>Who people are: a pseudonym stands for each name, and there are no hashes.</summary>
    People,
}

/// <summary>Who will read an export.</summary>
internal enum ExportTarget
{
    /// <summary>Exact, which knows all models.</summary>
    Exact,

    /// <summary>Django, whose <c>loaddata</c> refuses a file with models of Exact.</summary>
    Django,
}

/// <summary>What an export wrote.</summary>
/// <param name="Models">Records per Django label, in the order of the file.</param>
/// <param name="Bytes">The length of the fixture, and of the stored files beside it.</param>
/// <param name="Archive">The manifest of a complete backup; absent for a fixture alone.</param>
internal sealed record ExportReport(
    IReadOnlyDictionary<string, long> Models,
    long Bytes,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ArchiveManifest? Archive = null
);

/// <summary>How far a running export is.</summary>
internal sealed record ExportProgress(long Bytes);
