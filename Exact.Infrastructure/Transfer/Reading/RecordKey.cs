using System.Text.Json;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>A key as the file says it: as <c>pk</c> or, as Django takes it too, as <c>id</c> among the fields.</summary>
/// <param name="At">Where it stands in the record; 0 when it is not there.</param>
/// <param name="Value">Null when it is no whole number.</param>
/// <param name="IsNull">The file says null.</param>
internal readonly record struct RecordKey(int At, long? Value, bool IsNull)
{
    public bool IsThere => At > 0;

    /// <summary>Reads the value that the reader is at.</summary>
    public static bool TryRead(ref PythonJsonReader json, out RecordKey key)
    {
        var isNumber = FixtureValue.TryGetInteger(ref json, out var value);
        key = new RecordKey(json.At, isNumber ? value : null, json.Token == JsonTokenType.Null);
        return json.TrySkip();
    }

    /// <summary>What is wrong with a record that has these two, and where; null when nothing is.</summary>
    public static (int At, string Name, FixtureProblem Problem)? FindMistake(
        RecordKey pk,
        RecordKey id,
        FixtureTable table
    )
    {
        var key = id.IsThere ? id : pk;
        if ((key is { IsThere: true, IsNull: false } && key.Value is null or < 1) || key.Value > table.MaxKey)
        {
            var detail = $"The key of {table.Label} must be a whole number from 1 to {table.MaxKey}, or null.";
            return (key.At, id.IsThere ? "id" : "pk", new(FixtureErrorCode.BadKey, detail));
        }

        if (id.IsThere && pk is { IsThere: true, IsNull: false } && id.Value != pk.Value)
        {
            const string Detail = "'id' among the fields and 'pk' are not the same key: remove one of the two.";
            return (id.At, "id", new(FixtureErrorCode.Contradiction, Detail));
        }

        return null;
    }
}
