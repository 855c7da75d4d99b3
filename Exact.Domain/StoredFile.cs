namespace Exact.Domain;

/// <summary>A file in the file store.</summary>
public sealed class StoredFile
{
    public long Id { get; init; }

    /// <summary>The path in the store. It is random, except for files that were adopted from Django.</summary>
    public required string Key { get; init; }

    /// <summary>The name that a download gets.</summary>
    public required string OriginalName { get; init; }

    public required string ContentType { get; init; }

    /// <summary>In bytes.</summary>
    public long Size { get; init; }

    /// <summary>64 hexadecimal digits.</summary>
    public required string Sha256 { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>The user name of the uploader; <c>admin-key</c> or <c>command-line</c> for an administrator.</summary>
    public required string CreatedBy { get; init; }
}
