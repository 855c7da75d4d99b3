namespace Exact.Infrastructure.Fixtures;

/// <summary>What an import has counted so far.</summary>
internal sealed class ImportTally
{
    /// <summary>A file of ever new names must not fill the memory.</summary>
    public const int MaxNames = 100;

    public const string Others = "(others)";

    private readonly Dictionary<string, ModelCounts> carried;
    private readonly Dictionary<string, ModelCounts> passedOver;
    private readonly Dictionary<string, long> ignoredFields;

    public ImportTally(FixtureTables tables)
    {
        carried = tables.All.ToDictionary(table => table.Label, _ => new ModelCounts());
        passedOver = [];
        ignoredFields = [];
    }

    private ImportTally(ImportTally other)
    {
        carried = Copy(other.carried);
        passedOver = Copy(other.passedOver);
        ignoredFields = new(other.ignoredFields);
    }

    public ModelCounts this[FixtureTable table] => carried[table.Label];

    public void Read(FixtureRecord record)
    {
        if (record.Table is { } table)
        {
            this[table].Read++;
        }
        else if (record.Label is { } label)
        {
            var name = passedOver.ContainsKey(label) || passedOver.Count < MaxNames ? label : Others;
            if (!passedOver.TryGetValue(name, out var counts))
            {
                passedOver.Add(name, counts = new ModelCounts());
            }

            counts.Read++;
            counts.Ignored++;
        }

        foreach (var (field, count) in record.Ignored)
        {
            Ignore(field, count);
        }
    }

    public void Ignore(string field, long count)
    {
        var name = ignoredFields.ContainsKey(field) || ignoredFields.Count < MaxNames ? field : Others;
        ignoredFields[name] = ignoredFields.GetValueOrDefault(name) + count;
    }

    /// <summary>The same counts, to go on from.</summary>
    public ImportTally Copy() => new(this);

    public ImportProgress ToProgress(ImportPhase phase, FixtureReader reader) =>
        new(
            phase,
            reader.Bytes,
            reader.Records,
            carried.Where(pair => pair.Value is not { Read: 0, Deleted: 0 }).ToDictionary()
        );

    public ImportReport ToReport(bool dryRun, FixtureReader reader) =>
        new(
            dryRun,
            reader.Records,
            reader.Bytes,
            carried
                .Where(pair => pair.Value is not { Read: 0, Deleted: 0 })
                .Concat(passedOver)
                .ToDictionary(pair => pair.Key, pair => pair.Value),
            ignoredFields
        );

    private static Dictionary<string, ModelCounts> Copy(Dictionary<string, ModelCounts> counts) =>
        counts.ToDictionary(pair => pair.Key, pair => pair.Value with { });
}
