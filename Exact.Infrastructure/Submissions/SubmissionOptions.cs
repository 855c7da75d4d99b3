using System.ComponentModel.DataAnnotations;

namespace Exact.Infrastructure.Submissions;

/// <summary>The settings of submissions and their evaluation: the section <c>Submissions</c> of the configuration.</summary>
internal sealed class SubmissionOptions
{
    /// <summary>How long a worker has a submission without a heartbeat. Workers send one at a third of it.</summary>
    [Range(typeof(TimeSpan), "00:00:03", "24:00:00")]
    public TimeSpan Lease { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>How often an evaluation is begun, before failures that are not the participant's end it.</summary>
    [Range(1, 100)]
    public int MaxAttempts { get; set; } = 3;

    /// <summary>How often a replica looks for new submissions while workers wait.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:00:10")]
    public TimeSpan LookEvery { get; set; } = TimeSpan.FromSeconds(0.5);

    /// <summary>The largest file, in bytes, of a challenge whose rules set no limit.</summary>
    [Range(1L, long.MaxValue)]
    public long MaxBytes { get; set; } = 100 * 1024 * 1024;
}
