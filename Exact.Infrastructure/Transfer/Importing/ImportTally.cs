using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Reading;

namespace Exact.Infrastructure.Transfer.Importing;

/// <summary>What an import has counted so far.</summary>
internal sealed class ImportTally
{
    private readonly Dictionary<string, ModelCounts> carried;
    private readonly Dictionary<string, ModelCounts> passedOver;
    private readonly Dictionary<string, long> ignoredFields;
    private readonly Dictionary<string, long> inventedTimes;
    private readonly Dictionary<string, long> leftOut;
    private long naiveTimes;
    private long mustSetPassword;

    public ImportTally(FixtureTables tables)
    {
        carried = tables.All.ToDictionary(table => table.Label, _ => new ModelCounts());
        passedOver = [];
        ignoredFields = [];
        inventedTimes = [];
        leftOut = [];
    }

    private ImportTally(ImportTally other)
    {
        carried = Copy(other.carried);
        passedOver = Copy(other.passedOver);
        ignoredFields = new(other.ignoredFields);
        inventedTimes = new(other.inventedTimes);
        leftOut = new(other.leftOut);
        naiveTimes = other.naiveTimes;
        mustSetPassword = other.mustSetPassword;
    }

    public ModelCounts this[FixtureTable table] => carried[table.Label];

    /// <summary>Records of the file that have no row, per label as in the file. Django's own bookkeeping does not count.</summary>
    public IReadOnlyDictionary<string, long> LeftOut => leftOut;

    public void Read(FixtureRecord record)
    {
        naiveTimes += record.NaiveTimes;
        mustSetPassword += record.MustSetPassword ? 1 : 0;
        if (record.Table is { } table)
        {
            this[table].Read++;
        }
        else if (record.Label is { } label)
        {
            var name =
                passedOver.ContainsKey(label) || passedOver.Count < FixtureRecord.MaxNames
                    ? label
                    : FixtureRecord.Others;
            if (!passedOver.TryGetValue(name, out var counts))
            {
                passedOver.Add(name, counts = new ModelCounts());
            }

            counts.Read++;
            counts.Ignored++;
            if (!FixtureTables.IsBookkeeping(label))
            {
                Count(leftOut, name, 1);
            }
        }

        foreach (var (field, count) in record.Ignored)
        {
            Ignore(field, count);
        }
    }

    public void Ignore(string field, long count) =>
        Count(
            ignoredFields,
            ignoredFields.ContainsKey(field) || ignoredFields.Count < FixtureRecord.MaxNames
                ? field
                : FixtureRecord.Others,
            count
        );

    /// <summary>Counts records whose parent is nowhere, and that are left out.</summary>
    public void SkipOrphans(FixtureTable table, long count)
    {
        this[table].Skipped += count;
        Count(leftOut, table.Label, count);
    }

    /// <summary>Counts records that a later one with the same key replaces.</summary>
    public void SkipReplaced(FixtureTable table, long count)
    {
        this[table].Skipped += count;
        Count(leftOut, table.Label, count);
    }

    /// <summary>Counts new rows that get the time of the import, because their records do not say theirs.</summary>
    public void Invent(FixtureTable table, IEnumerable<(FixtureField Field, long Count)> invented)
    {
        foreach (var (field, count) in invented)
        {
            Count(inventedTimes, $"{table.Label}.{field.Name}", count);
        }
    }

    /// <summary>The same counts, to go on from.</summary>
    public ImportTally Copy() => new(this);

    public ImportProgress ToProgress(ImportPhase phase, long records, long bytes) =>
        new(phase, bytes, records, carried.Where(pair => pair.Value is not { Read: 0, Deleted: 0 }).ToDictionary());

    public ImportReport ToReport(ImportOptions options, long records, long bytes) =>
        new(
            options.DryRun,
            records,
            bytes,
            carried
                .Where(pair => pair.Value is not { Read: 0, Deleted: 0 })
                .Concat(passedOver)
                .ToDictionary(pair => pair.Key, pair => pair.Value),
            ignoredFields,
            inventedTimes,
            naiveTimes,
            options.TimeZone.Id,
            mustSetPassword,
            options.Source
        );

    private static void Count(Dictionary<string, long> counts, string name, long count)
    {
        if (count > 0)
        {
            counts[name] = counts.GetValueOrDefault(name) + count;
        }
    }

    private static Dictionary<string, ModelCounts> Copy(Dictionary<string, ModelCounts> counts) =>
        counts.ToDictionary(pair => pair.Key, pair => pair.Value with { });
}
