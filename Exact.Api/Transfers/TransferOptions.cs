using System.ComponentModel.DataAnnotations;
using Exact.Infrastructure;
using Exact.Infrastructure.Transfer.Django;

namespace Exact.Api.Transfers;

/// <summary>The settings of import and export.</summary>
[Section("Transfers")]
internal sealed class TransferOptions : IValidatableObject
{
    /// <summary>How many bytes a fixture may have, packed or unpacked.</summary>
    [Range(1L, long.MaxValue)]
    public long MaxBytes { get; set; } = 64L * 1024 * 1024 * 1024;

    /// <summary>The folder that keeps an upload with <c>Prefer: respond-async</c> until it is imported.</summary>
    public string SpoolFolder { get; set; } = Path.GetTempPath();

    /// <summary>The live Django database that an administrator may import from.</summary>
    public string? Django { get; set; }

    /// <summary>The folder where <c>loaddata NAME</c> looks besides the current one.</summary>
    public string? FixtureFolder { get; set; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!Directory.Exists(SpoolFolder))
        {
            yield return new(
                "must be the path of an existing folder, such as /var/spool/exact. Create the folder, or correct the path.",
                [nameof(SpoolFolder)]
            );
        }

        if (!string.IsNullOrEmpty(Django) && !DjangoAddress.TryParse(Django, out _))
        {
            yield return new($"{DjangoAddress.Expected}.", [nameof(Django)]);
        }
    }
}
