namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>The errors of one import: the first ones in full, all of them counted.</summary>
internal sealed class FixtureErrors
{
    public const int Limit = 100;

    private readonly List<FixtureError> first = [];

    public IReadOnlyList<FixtureError> First => first;

    public long Count { get; private set; }

    /// <summary>How many records have no parent, per label.</summary>
    public Dictionary<string, long> Orphans { get; } = [];

    public void Add(FixtureError error)
    {
        Count++;
        if (first.Count < Limit)
        {
            first.Add(error);
        }
    }

    public void Add(List<FixtureError> errors)
    {
        foreach (var error in errors)
        {
            Add(error);
        }
    }

    /// <summary>Counts errors of which only the first were looked at.</summary>
    public void AddUnseen(long count) => Count += count;
}
