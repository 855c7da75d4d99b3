namespace Exact.Infrastructure.Transfer.Mapping;

/// <summary>What is wrong with a value or a record.</summary>
/// <param name="Code">One of <see cref="FixtureErrorCode"/>.</param>
/// <param name="Detail">One sentence for people.</param>
internal readonly record struct FixtureProblem(string Code, string Detail);

/// <summary>What can be wrong with a record. The texts are part of the API.</summary>
internal static class FixtureErrorCode
{
    /// <summary>The file is not JSON, or not JSON of the right shape.</summary>
    public const string NotJson = "not-json";

    /// <summary>The file is of another encoding than it should be.</summary>
    public const string NotUtf8 = "not-utf-8";

    /// <summary>The record is not an object with a <c>model</c> and <c>fields</c>.</summary>
    public const string NotARecord = "not-a-record";

    public const string RecordTooLarge = "record-too-large";

    public const string UnknownModel = "unknown-model";

    public const string UnknownField = "unknown-field";

    public const string BadKey = "bad-key";

    /// <summary>A field without which no row can be made is missing.</summary>
    public const string Required = "required";

    public const string Null = "null";

    public const string WrongType = "wrong-type";

    public const string TooLong = "too-long";

    /// <summary>Invalid UTF-8, half a surrogate pair, or U+0000, which PostgreSQL cannot hold.</summary>
    public const string BadText = "bad-text";

    public const string BadTimestamp = "bad-timestamp";

    /// <summary>A number that the column cannot hold.</summary>
    public const string OutOfRange = "out-of-range";

    /// <summary>A value outside the column's list of choices.</summary>
    public const string BadChoice = "bad-choice";

    /// <summary>A challenge's name that no address can have.</summary>
    public const string BadName = "bad-name";

    /// <summary>A stored file's name that leads out of the file store.</summary>
    public const string BadPath = "bad-path";

    /// <summary>A file's SHA-256 that is none.</summary>
    public const string BadHash = "bad-hash";
    public const string BadMediaType = "bad-media-type";

    /// <summary>A password that is no hash, or a hash that would take minutes to verify.</summary>
    public const string BadPassword = "bad-password";

    /// <summary>The record says two different things about the same value.</summary>
    public const string Contradiction = "contradiction";

    /// <summary>The row that the record refers to is neither in the file nor in the database.</summary>
    public const string Orphan = "orphan";

    /// <summary>A new name, while rows that are not in the file refer to the old one.</summary>
    public const string InUse = "in-use";

    /// <summary>A unique value that another row, or another record, has.</summary>
    public const string Taken = "taken";

    /// <summary>With <c>mode=fail</c>: the row exists.</summary>
    public const string Exists = "exists";

    /// <summary>A constraint of the database that no other check foresaw.</summary>
    public const string Refused = "refused";

    /// <summary>A complete backup that is not whole, or was changed.</summary>
    public const string DamagedArchive = "damaged-archive";

    /// <summary>With <c>mode=replace</c>: records were left out, so that rows would be deleted in their place.</summary>
    public const string LeftOut = "left-out";

    /// <summary>With <c>mode=replace</c>: no active superuser would be left.</summary>
    public const string NoSuperuser = "no-superuser";
}
