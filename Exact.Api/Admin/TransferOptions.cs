using System.ComponentModel.DataAnnotations;
using Exact.Infrastructure.Transfer.Django;

namespace Exact.Api.Admin;

/// <summary>The limits of import and export: the section <c>Transfers</c> of the configuration.</summary>
internal sealed class TransferOptions : IValidatableObject
{
    /// <summary>How many bytes a fixture may have, sent or unpacked; by default 64 GiB.</summary>
    [Range(1L, long.MaxValue)]
    public long MaxBytes { get; set; } = 64L * 1024 * 1024 * 1024;

    /// <summary>Where an upload with <c>Prefer: respond-async</c> is kept until it has been imported; by default the system's folder.</summary>
    [Required]
    public string SpoolFolder { get; set; } = Path.GetTempPath();

    /// <summary>The live Django database that an admin may import from; by default none.</summary>
    public string? Django { get; set; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) =>
        string.IsNullOrEmpty(Django) || DjangoAddress.TryParse(Django, out _)
            ? []
            : [new ValidationResult($"Transfers:Django {DjangoAddress.Expected}.", [nameof(Django)])];
}
