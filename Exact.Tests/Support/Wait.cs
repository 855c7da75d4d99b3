using System.Diagnostics;

namespace Exact.Tests.Support;

/// <summary>Waits for a condition; one that does not come true fails the test instead of hanging the run.</summary>
internal static class Wait
{
    /// <summary>Longer than anything takes on a busy machine.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    public static async Task UntilAsync(Func<Task<bool>> condition, string what, TimeSpan? limit = null)
    {
        var since = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(since) < (limit ?? Limit), $"Waited in vain until {what}.");
            await Task.Delay(Pause, TestContext.Current.CancellationToken);
        }
    }
}
