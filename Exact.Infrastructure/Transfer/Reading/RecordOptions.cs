namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>How records are read. The defaults refuse whatever would be lost.</summary>
internal record RecordOptions
{
    /// <summary>What becomes of models and fields that Exact does not know.</summary>
    public WhenFound Unknown { get; init; }

    /// <summary>What becomes of the columns of an existing row that its record does not mention.</summary>
    public MissingFields Missing { get; init; }

    /// <summary>The zone of times that have none.</summary>
    public TimeZoneInfo TimeZone { get; init; } = TimeZoneInfo.Utc;
}

internal enum MissingFields
{
    Keep,

    /// <summary>Set them to their default, as Django does.</summary>
    Default,
}

internal enum WhenFound
{
    Fail,

    /// <summary>Leave them out, and count them.</summary>
    Skip,
}
