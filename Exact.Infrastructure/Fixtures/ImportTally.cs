namespace Exact.Infrastructure.Fixtures;

/// <summary>What an import has counted so far.</summary>
internal sealed class ImportTally(FixtureTables tables)
{
    /// <summary>A file of ever new names must not fill the memory.</summary>
    private const int MaxNames = 100;

    private const string Others = "(others)";

    private readonly Dictionary<string, ModelCounts> carried = tables.All.ToDictionary(
        t => t.Label,
        _ => new ModelCounts()
    );
    private readonly Dictionary<string, ModelCounts> passedOver = [];
    private readonly Dictionary<string, long> ignoredFields = [];

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
}
