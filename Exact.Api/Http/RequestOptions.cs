using System.ComponentModel.DataAnnotations;
using Exact.Infrastructure;

namespace Exact.Api.Http;

/// <summary>The settings of requests.</summary>
[Section("Requests")]
internal sealed class RequestOptions
{
    /// <summary>
    /// How many requests of one address are served at a time, and how many imports and exports. Its next ones wait.
    /// </summary>
    [Range(1, 10_000)]
    public int PerAddress { get; set; } = 20;

    /// <summary>
    /// How long a service that was told to stop goes on accepting requests, although it is not ready any more.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00")]
    public TimeSpan StopDelay { get; set; } = TimeSpan.Zero;
}
