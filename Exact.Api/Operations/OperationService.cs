using System.Runtime.CompilerServices;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Operations;
using Microsoft.EntityFrameworkCore;

namespace Exact.Api.Operations;

/// <summary>Reads the journal, which every replica shares, and cancels what is running.</summary>
internal sealed class OperationService(ExactDbContext database, OperationJournal journal, TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    /// <summary>A page of the journal, newest first.</summary>
    public Task<Page<OperationResponse>> ListAsync(PageQuery page, CancellationToken cancellationToken) =>
        ListAsync(page, [], state: null, cancellationToken);

    /// <summary>A page of the entries of these kinds, or of all kinds, in this state, or in any.</summary>
    public async Task<Page<OperationResponse>> ListAsync(
        PageQuery page,
        IReadOnlyList<OperationKind> kinds,
        OperationState? state,
        CancellationToken cancellationToken
    )
    {
        await journal.SettleAsync(cancellationToken);
        var chosen = database
            .Operations.AsNoTracking()
            .Where(one => (kinds.Count == 0 || kinds.Contains(one.Kind)) && (state == null || one.State == state));
        var operations = chosen;
        if (page.After is [var last])
        {
            operations = operations.Where(operation => operation.Id < last);
        }

        var rows = await operations
            .OrderByDescending(operation => operation.Id)
            .Take(page.Limit)
            .ToListAsync(cancellationToken);
        return await page.PageOfAsync([.. rows.Select(OperationResponse.From)], chosen, cancellationToken);
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

    /// <summary>An operation at short intervals until it ends.</summary>
    public async IAsyncEnumerable<OperationResponse> WatchAsync(
        OperationResponse operation,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        using var timer = new PeriodicTimer(Interval, time);
        var now = operation;
        yield return now;
        while (now.State is OperationState.Running && await NextTickAsync(timer, cancellationToken))
        {
            now = await FindAsync(operation.Id, cancellationToken) ?? now;
            yield return now;
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
}
