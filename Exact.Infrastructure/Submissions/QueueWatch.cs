using Microsoft.Extensions.Options;

namespace Exact.Infrastructure.Submissions;

/// <summary>Looks for submissions on behalf of all workers that wait, as long as one does.</summary>
internal sealed class QueueWatch(SubmissionQueue queue, IOptions<SubmissionOptions> options, TimeProvider time)
{
    private readonly Lock gate = new();
    private Task<bool>? look;

    /// <summary>Waits until a submission may be there; the next look comes only after a pause.</summary>
    public async Task WaitAsync(CancellationToken cancellationToken)
    {
        while (!await NextLook().WaitAsync(cancellationToken))
        {
            // nothing yet
        }
    }

    private Task<bool> NextLook()
    {
        lock (gate)
        {
            return look = look is { IsCompleted: false } ? look : LookAsync();
        }
    }

    private async Task<bool> LookAsync()
    {
        await Task.Delay(options.Value.LookEvery.WithJitter(), time);
        return await queue.HasWorkAsync(CancellationToken.None);
    }
}
