using System.ComponentModel.DataAnnotations;
using Exact.Infrastructure;

namespace Exact.Api.Legacy;

/// <summary>The settings of the legacy client's routes.</summary>
[Section("Legacy")]
internal sealed class LegacyOptions
{
    /// <summary>Whether the routes of the legacy client are there.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>How long a submission of the legacy client waits for its result; 0 does not wait.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan WaitForResult { get; set; } = TimeSpan.FromSeconds(30);
}
