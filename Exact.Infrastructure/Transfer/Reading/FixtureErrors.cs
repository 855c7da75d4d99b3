using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>The errors of one import: the first ones in full, all of them counted.</summary>
internal sealed class FixtureErrors
{
    public const int Limit = 100;

    private readonly List<FixtureError> first = [];

    /// <summary>Where in the list the errors are that other records repeat.</summary>
    private readonly Dictionary<(string? Model, string? Field), int> unknown = [];

    public IReadOnlyList<FixtureError> First => [.. first.Select(Complete)];

    public long Count { get; private set; }

    /// <summary>How many records have no parent, per label.</summary>
    public Dictionary<string, long> Orphans { get; } = [];

    /// <summary>
    /// Adds an error. A model or field that is not known is one error, however many records have it: it would hide the
    /// others.
    /// </summary>
    public void Add(FixtureError error)
    {
        var isUnknown = IsUnknown(error);
        if (isUnknown && unknown.TryGetValue((error.Model, error.Field), out var at))
        {
            first[at] = first[at] with { Records = first[at].Records + 1 };
            return;
        }

        Count++;
        if (first.Count < Limit)
        {
            first.Add(error);
            if (isUnknown)
            {
                unknown.Add((error.Model, error.Field), first.Count - 1);
            }
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

    private static bool IsUnknown(FixtureError error) =>
        error.Code is FixtureErrorCode.UnknownModel or FixtureErrorCode.UnknownField;

    private static FixtureError Complete(FixtureError error)
    {
        if (!IsUnknown(error))
        {
            return error;
        }

        var count = error.Records == 1 ? "" : $" {error.Records} records have it; this is the first.";
        var what = error.Code is FixtureErrorCode.UnknownModel ? "its records" : "it";
        return error with { Detail = $"{error.Detail}{count} To leave {what} out, import with unknown=skip." };
    }
}
