using System.Security.Cryptography;
using System.Text.Json;
using Exact.Infrastructure.Transfer.Importing;
using Microsoft.AspNetCore.DataProtection;

namespace Exact.Api.AdminConsole;

/// <summary>Lets the page of a dry run say which backup of the folder it has read, so that any replica can restore it.</summary>
internal sealed class CheckedBackups(IDataProtectionProvider protection)
{
    /// <summary>How long an administrator has to read what would happen.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromHours(1);

    private readonly ITimeLimitedDataProtector protector = protection
        .CreateProtector($"{typeof(CheckedBackups)}")
        .ToTimeLimitedDataProtector();

    /// <summary>The backup as a value for an address, which nobody else can make.</summary>
    public string Seal(CheckedBackup backup) => protector.Protect(JsonSerializer.Serialize(backup), Patience);

    /// <summary>The backup of a dry run; null if the value is of another one, or too old.</summary>
    public CheckedBackup? Open(long dryRun, string? sealedBackup)
    {
        if (sealedBackup is null)
        {
            return null;
        }

        try
        {
            var backup = JsonSerializer.Deserialize<CheckedBackup>(protector.Unprotect(sealedBackup))!;
            return backup.DryRun == dryRun ? backup : null;
        }
        catch (CryptographicException)
        {
            return null;
        }
    }
}

/// <summary>A backup of the folder, and the fields of RestoreOptions that it was checked with.</summary>
internal sealed record CheckedBackup(long DryRun, string Name, IReadOnlyDictionary<string, string> Fields)
{
    public ImportOptions ToOptions() => UploadForm.QueryOf(Fields).ToOptions();
}
