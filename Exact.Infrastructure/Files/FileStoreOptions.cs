using System.ComponentModel.DataAnnotations;

namespace Exact.Infrastructure.Files;

/// <summary>The section <c>Files</c> of the configuration.</summary>
[Section("Files")]
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
            yield return new("and Files:S3:Bucket are both set. Set one of them.", [nameof(Folder)]);
        }

        if (S3.IsSet && string.IsNullOrEmpty(S3.ServiceUrl) && string.IsNullOrEmpty(S3.Region))
        {
            yield return new(
                "must be set, such as eu-central-1, or Files:S3:ServiceUrl of another provider.",
                [Of("Region")]
            );
        }

        if (!string.IsNullOrEmpty(S3.ServiceUrl) && !IsAddress(S3.ServiceUrl))
        {
            yield return new("must be a URL, such as https://s3.example.org.", [Of("ServiceUrl")]);
        }

        if (string.IsNullOrEmpty(S3.AccessKey) != string.IsNullOrEmpty(S3.SecretKey))
        {
            var missing = string.IsNullOrEmpty(S3.AccessKey) ? "AccessKey" : "SecretKey";
            yield return new("must be set, because its other half is. Set both keys, or neither.", [Of(missing)]);
        }
    }

    private static string Of(string property) => $"{nameof(S3)}:{property}";

    private static bool IsAddress(string url) =>
        Uri.TryCreate(url, UriKind.Absolute, out var address) && address.Scheme is "http" or "https";
}

/// <summary>The section <c>Files:S3</c> of the configuration.</summary>
internal sealed class BucketOptions
{
    /// <summary>S3 takes no smaller part, except for the last one.</summary>
    public const int MinPartBytes = 5 << 20;

    private const int MaxPartBytes = 256 << 20;

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
    [Range(MinPartBytes, MaxPartBytes)]
    public int PartBytes { get; set; } = 16 << 20;

    public bool IsSet => !string.IsNullOrEmpty(Bucket);
}
