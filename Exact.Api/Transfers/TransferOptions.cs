using System.ComponentModel.DataAnnotations;
using Exact.Infrastructure.Transfer.Django;

namespace Exact.Api.Transfers;

/// <summary>The settings of import and export: the section <c>Transfers</c> of the configuration.</summary>
internal sealed class TransferOptions : IValidatableObject
{
    /// <summary>How many bytes a fixture may have, packed or unpacked.</summary>
    [Range(1L, long.MaxValue)]
    public long MaxBytes { get; set; } = 64L * 1024 * 1024 * 1024;

    /// <summary>The folder that keeps an upload with <c>Prefer: respond-async</c> until it is imported.</summary>
    [Required]
    public string SpoolFolder { get; set; } = Path.GetTempPath();

    /// <summary>The live Django database that an administrator may import from.</summary>
    public string? Django { get; set; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) =>
        string.IsNullOrEmpty(Django) || DjangoAddress.TryParse(Django, out _)
            ? []
            : [new ValidationResult($"Transfers:Django {DjangoAddress.Expected}.", [nameof(Django)])];
}
