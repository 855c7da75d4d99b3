using System.Text.Json.Serialization;
using Exact.Infrastructure.Transfer.Archive;
using Exact.Infrastructure.Transfer.Reading;

namespace Exact.Infrastructure.Transfer.Importing;

/// <summary>How an import ended. Unless it is <see cref="Imported"/>, nothing was changed.</summary>
internal abstract record ImportOutcome
{
    /// <summary>All of the file is in the database; after a dry run: could be.</summary>
    public sealed record Imported(ImportReport Report) : ImportOutcome;

    /// <summary>The file is not JSON, or JSON of another shape or encoding, or an archive that is not whole.</summary>
    public sealed record NotJson(FixtureError Error) : ImportOutcome;

    /// <summary>Records are wrong: the first <see cref="FixtureErrors.Limit"/> of them, and how many there are.</summary>
    /// <param name="Errors">The first errors.</param>
    /// <param name="ErrorCount">How many errors there are.</param>
    /// <param name="Orphans">How many records have no parent, per label.</param>
    public sealed record Rejected(
        IReadOnlyList<FixtureError> Errors,
        long ErrorCount,
        IReadOnlyDictionary<string, long> Orphans
    ) : ImportOutcome
    {
        /// <summary>How many errors there are, in words, and what can be done about orphans.</summary>
        public string Summary =>
            $"{(ErrorCount == 1 ? "1 error" : $"{ErrorCount} errors")}"
            + $"{(ErrorCount > Errors.Count ? $", of which the first {Errors.Count} are listed" : "")}.{OrphanSummary}";

        private string OrphanSummary =>
            Orphans.Count == 0
                ? ""
                : $" Records whose parent is neither in the file nor in the database: "
                    + $"{string.Join(", ", Orphans.Select(pair => $"{pair.Value} of {pair.Key}"))}. "
                    + "Add the parents to the file, or leave these records out with orphans=skip.";
    }

    /// <summary>Another import is running, here or on another replica.</summary>
    public sealed record AlreadyRunning : ImportOutcome;

    /// <summary>Another session kept a row or a table locked for longer than <paramref name="Waited"/>.</summary>
    public sealed record Blocked(TimeSpan Waited) : ImportOutcome
    {
        public string Detail =>
            $"Another session has kept what the import needs locked for {Waited.TotalSeconds:0.#} seconds. Nothing was changed.";
    }

    /// <summary>
    /// The file came fast, and then not at all for longer than <paramref name="Waited"/>, while others waited for the
    /// tables that it fills.
    /// </summary>
    public sealed record Stalled(TimeSpan Waited) : ImportOutcome
    {
        public string Detail =>
            $"The file stopped coming for {Waited.TotalSeconds:0.#} seconds, while it filled tables that others "
            + "were waiting for. Nothing was changed.";
    }
}

/// <summary>What an import did, or, after a dry run, would do.</summary>
/// <param name="DryRun">Nothing was changed.</param>
/// <param name="Records">The records of the file.</param>
/// <param name="Bytes">The length of the file, unpacked.</param>
/// <param name="Models">Per Django label, in the order of the tables; then labels that were not carried.</param>
/// <param name="IgnoredFields">Values that have no place in Exact, by <c>label.field</c>.</param>
/// <param name="InventedTimes">New rows that got the time of the import, because their record has none, by <c>label.field</c>.</param>
/// <param name="NaiveTimes">Times of the file that have no zone.</param>
/// <param name="TimeZone">The zone in which these were read.</param>
/// <param name="MustSetPassword">Users who must set a new password: Exact cannot verify the kind of hash that they have.</param>
/// <param name="Source">The live database that it was read from; absent for a file.</param>
/// <param name="Archive">The manifest of a complete backup; absent for a fixture alone.</param>
/// <example>
/// {"dry_run": false, "records": 1204, "bytes": 402653,
/// "models": {"api.score": {"read": 1204, "created": 1200, "updated": 4, "unchanged": 0, "skipped": 0, "ignored": 0,
/// "deleted": 0}},
/// "ignored_fields": {}, "invented_times": {}, "naive_times": 0, "time_zone": "UTC", "must_set_password": 0}
/// </example>
public sealed record ImportReport(
    bool DryRun,
    long Records,
    long Bytes,
    IReadOnlyDictionary<string, ModelCounts> Models,
    IReadOnlyDictionary<string, long> IgnoredFields,
    IReadOnlyDictionary<string, long> InventedTimes,
    long NaiveTimes,
    string TimeZone,
    long MustSetPassword,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Source = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ArchiveManifest? Archive = null
)
{
    /// <summary>The first rows that would change; absent unless a dry run was asked for them.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ImportDifference>? Differences { get; init; }
}

/// <summary>What became of a model's records: created + updated + unchanged + skipped + ignored = read.</summary>
public sealed record ModelCounts
{
    public long Read { get; set; }

    public long Created { get; set; }

    public long Updated { get; set; }

    public long Unchanged { get; set; }

    /// <summary>Left out by choice: orphans, rows that exist, and records that a later one with the same key replaced.</summary>
    public long Skipped { get; set; }

    /// <summary>Not carried: Django's own bookkeeping, and unknown models.</summary>
    public long Ignored { get; set; }

    /// <summary>Rows that were not in the file, with <see cref="ImportMode.Replace"/>.</summary>
    public long Deleted { get; set; }
}

/// <summary>How far a running import is.</summary>
/// <param name="Models">Per Django label; the counts go on while the import does.</param>
/// <param name="Source">The live database that is read; absent for a file.</param>
internal sealed record ImportProgress(
    ImportPhase Phase,
    long Bytes,
    long Records,
    IReadOnlyDictionary<string, ModelCounts> Models,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Source = null
)
{
    /// <summary>A live database is about to be read.</summary>
    public static ImportProgress Opening(string source) =>
        new(ImportPhase.Reading, 0, 0, new Dictionary<string, ModelCounts>(), source);

    public static ImportProgress Received(long bytes) =>
        new(ImportPhase.Receiving, bytes, 0, new Dictionary<string, ModelCounts>());
}

internal enum ImportPhase
{
    /// <summary>The upload is being kept for later; no connection waits for it.</summary>
    Receiving,
    Reading,
    Merging,
    Committing,
}
