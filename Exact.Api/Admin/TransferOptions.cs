using System.ComponentModel.DataAnnotations;

namespace Exact.Api.Admin;

/// <summary>The limits of import and export: the section <c>Transfers</c> of the configuration.</summary>
internal sealed class TransferOptions
{
    /// <summary>How many bytes a fixture may have, sent or unpacked; by default 64 GiB.</summary>
    [Range(1L, long.MaxValue)]
    public long MaxBytes { get; set; } = 64L * 1024 * 1024 * 1024;

    /// <summary>Where an upload with <c>Prefer: respond-async</c> is kept until it has been imported; by default the system's folder.</summary>
    [Required]
    public string SpoolFolder { get; set; } = Path.GetTempPath();
}
