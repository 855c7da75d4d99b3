using System.ComponentModel.DataAnnotations;

namespace Exact.Infrastructure.Files;

/// <summary>The section <c>Files</c> of the configuration.</summary>
internal sealed class FileStoreOptions : IValidatableObject
{
    /// <summary>The folder that holds the files.</summary>
    public string? Folder { get; set; }

    /// <summary>The bucket that holds the files instead.</summary>
    public BucketOptions S3 { get; set; } = new();

    /// <summary>How many bytes a file may have.</summary>
    [Range(1L, 1L << 40)]
    public long MaxBytes { get; set; } = 16L << 30;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!string.IsNullOrEmpty(Folder) && S3.IsSet)
        {
            yield return new("Files:Folder and Files:S3:Bucket are both set. Set one of them.", [nameof(Folder)]);
        }

        if (S3.IsSet && string.IsNullOrEmpty(S3.ServiceUrl) && string.IsNullOrEmpty(S3.Region))
        {
            yield return new("Files:S3 needs a Region, or the ServiceUrl of another provider.", [nameof(S3)]);
        }

        if (!string.IsNullOrEmpty(S3.ServiceUrl) && !Uri.IsWellFormedUriString(S3.ServiceUrl, UriKind.Absolute))
        {
            yield return new("Files:S3:ServiceUrl must be a URL, such as https://s3.example.org.", [nameof(S3)]);
        }

        if (string.IsNullOrEmpty(S3.AccessKey) != string.IsNullOrEmpty(S3.SecretKey))
        {
            yield return new("Files:S3 needs both AccessKey and SecretKey, or neither.", [nameof(S3)]);
        }

        if (S3.PartBytes is < BucketOptions.MinPartBytes or > BucketOptions.MaxPartBytes)
        {
            yield return new(
                $"Files:S3:PartBytes must be from {BucketOptions.MinPartBytes} to {BucketOptions.MaxPartBytes}.",
                [nameof(S3)]
            );
        }
    }
}

/// <summary>The section <c>Files:S3</c> of the configuration.</summary>
internal sealed class BucketOptions
{
    /// <summary>S3 takes no smaller part, except for the last one.</summary>
    public const int MinPartBytes = 5 << 20;

    public const int MaxPartBytes = 256 << 20;

    public string? Bucket { get; set; }

    /// <summary>The region, such as <c>eu-central-1</c>.</summary>
    public string? Region { get; set; }

    /// <summary>The address of a provider other than Amazon.</summary>
    public string? ServiceUrl { get; set; }

    /// <summary>Whether the bucket is part of the path, and not of the host name.</summary>
    public bool PathStyle { get; set; }

    /// <summary>Without it, the SDK looks where it always does: its variables, its files, the machine's role.</summary>
    public string? AccessKey { get; set; }

    public string? SecretKey { get; set; }

    /// <summary>What all keys in the bucket begin with, such as <c>exact/</c>.</summary>
    public string Prefix { get; set; } = "";

    /// <summary>How much is sent at once; an upload needs this much memory.</summary>
    public int PartBytes { get; set; } = 16 << 20;

    public bool IsSet => !string.IsNullOrEmpty(Bucket);
}
