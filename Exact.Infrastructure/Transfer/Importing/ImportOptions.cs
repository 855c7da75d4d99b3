using System.Text;
using Exact.Infrastructure.Transfer.Importing.Writing;
using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Reading;

namespace Exact.Infrastructure.Transfer.Importing;

/// <summary>What an import may do. The defaults refuse whatever would be lost.</summary>
internal sealed record ImportOptions : RecordOptions
{
    public ImportMode Mode { get; init; }

    /// <summary>Records whose parent is neither in the file nor in the database.</summary>
    public WhenFound Orphans { get; init; }

    /// <summary>Labels whose records may be left out although <see cref="ImportMode.Replace"/> deletes what is not in the file.</summary>
    public IReadOnlyList<string> Confirmed { get; init; } = [];

    /// <summary>What is wrong with <see cref="Confirmed"/>; null if nothing is.</summary>
    /// <remarks>Only the file tells which models are not known that <see cref="RecordOptions.Unknown"/> leaves out.</remarks>
    public string? FindMistake(FixtureTables tables)
    {
        var unknown =
            Unknown == WhenFound.Skip
                ? []
                : Confirmed.Where(name => !tables.All.Any(table => FixtureLabel.IsNamed(table.Label, name)));
        return Confirmed.Count > 0 && Mode != ImportMode.Replace
                ? "confirm has a meaning only with mode=replace, which deletes what the file does not hold."
            : unknown.ToList() is { Count: > 0 } names ? string.Join(' ', names.Select(tables.NoModel))
            : null;
    }

    /// <summary>Go the whole way, answer what would happen, and change nothing.</summary>
    public bool DryRun { get; init; }

    /// <summary>How many differences a dry run lists.</summary>
    public int Differences { get; init; }

    /// <summary>
    /// The encoding of the file, if the sender names one other than UTF-8; a byte order mark counts more.
    /// </summary>
    public Encoding? Encoding { get; init; }

    /// <summary>Where the fixture comes from, for the report: a live database by host and name; null for a file.</summary>
    public string? Source { get; init; }

    /// <summary>How long to wait for one row or table that another session has locked, before the import is given up.</summary>
    public TimeSpan LockWait { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long the file may make the import wait while others wait for a table that it fills.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How many rows are compared and updated at a time (see <see cref="KeyRanges"/>).</summary>
    public int PartRows { get; init; } = 200_000;
}

/// <summary>What an import does with rows that exist.</summary>
internal enum ImportMode
{
    /// <summary>Update rows that differ.</summary>
    Merge,

    /// <summary>Leave them as they are.</summary>
    Skip,

    /// <summary>Refuse the file.</summary>
    Fail,

    /// <summary>Update rows that differ and delete every row that is not in the file.</summary>
    Replace,
}
