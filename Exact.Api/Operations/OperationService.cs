using System.Runtime.CompilerServices;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Operations;
using Microsoft.EntityFrameworkCore;

namespace Exact.Api.Operations;

/// <summary>Reads the journal, which every replica shares, and cancels what is running.</summary>
internal sealed class OperationService(ExactDbContext database, OperationJournal journal, TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    /// <summary>Proxies close a connection that is silent for long, often for a minute.</summary>
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(15);

    /// <summary>A page of the journal, newest first.</summary>
    public async Task<Page<OperationResponse>> ListAsync(PageQuery page, CancellationToken cancellationToken)
    {
        await journal.SettleAsync(cancellationToken);
        var operations = database.Operations.AsNoTracking();
        if (page.After is [var last])
        {
            operations = operations.Where(operation => operation.Id < last);
        }

        var rows = await operations
            .OrderByDescending(operation => operation.Id)
            .Take(page.Limit)
            .ToListAsync(cancellationToken);
        return await page.PageOfAsync([.. rows.Select(OperationResponse.From)], database.Operations, cancellationToken);
    }

    /// <summary>An operation; null if there is no operation with this number.</summary>
    public async Task<OperationResponse?> FindAsync(long id, CancellationToken cancellationToken)
    {
        await journal.SettleAsync(cancellationToken);
        var operation = await database
            .Operations.AsNoTracking()
            .SingleOrDefaultAsync(operation => operation.Id == id, cancellationToken);
        return operation is null ? null : OperationResponse.From(operation);
    }

    /// <summary>Cancels an operation if it is still running.</summary>
    /// <returns>Whether it was running, and the operation; null if there is no operation with this number.</returns>
    public async Task<(bool Accepted, OperationResponse Operation)?> CancelAsync(
        long id,
        string actor,
        CancellationToken cancellationToken
    )
    {
        await journal.SettleAsync(cancellationToken);
        var accepted = await journal.CancelAsync(id, actor, cancellationToken);
        return await FindAsync(id, cancellationToken) is { } operation ? (accepted, operation) : null;
    }

    /// <summary>An operation whenever it changes, until it ends; null every 15 s while it does not change.</summary>
    public async IAsyncEnumerable<OperationResponse?> WatchAsync(
        OperationResponse operation,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        using var timer = new PeriodicTimer(Interval, time);
        var told = operation;
        var spoken = time.GetTimestamp();
        yield return told;
        while (told.State is OperationState.Running && await NextTickAsync(timer, cancellationToken))
        {
            if (await FindAsync(operation.Id, cancellationToken) is { } now && IsNews(now, told))
            {
                told = now;
                spoken = time.GetTimestamp();
                yield return told;
            }
            else if (time.GetElapsedTime(spoken) >= LongestSilence)
            {
                spoken = time.GetTimestamp();
                yield return null;
            }
        }
    }

    /// <summary>Waits for the next look; false if the client went away or the service stops.</summary>
    private static async Task<bool> NextTickAsync(PeriodicTimer timer, CancellationToken cancellationToken)
    {
        try
        {
            return await timer.WaitForNextTickAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private static bool IsNews(OperationResponse now, OperationResponse told) =>
        now.State != told.State
        || now.CancelledBy != told.CancelledBy
        || now.Progress?.GetRawText() != told.Progress?.GetRawText();
}
