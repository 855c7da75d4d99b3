using Exact.Infrastructure.Transfer.Importing.Staging;
using Exact.Infrastructure.Transfer.Importing.Writing;
using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Reading;
using Exact.Infrastructure.Transfer.Wire;

namespace Exact.Infrastructure.Transfer.Importing;

/// <summary>
/// Takes records to where they wait for the merge: the staging area or, if there are many for an empty table, that
/// table itself.
/// </summary>
internal sealed class RecordIntake(ImportSql sql, CopyChannel channel, StagingArea staging) : IDisposable
{
    private readonly Dictionary<string, DirectLoad> loads = [];

    /// <summary>How the rows of a table go, or went for a while, straight into it; null when they never did.</summary>
    public DirectLoad? LoadOf(FixtureTable table) => loads.GetValueOrDefault(table.Label);

    public async ValueTask AddAsync(FixtureRecord record, CancellationToken cancellationToken)
    {
        if (LoadOf(record.Table!) is { IsOpen: true } load)
        {
            if (load.Takes(record))
            {
                await load.AddAsync(record, cancellationToken);
                return;
            }

            await load.CloseAsync(cancellationToken);
        }

        await staging.AddAsync(record, cancellationToken);
    }

    /// <summary>Whether the rows of this record's model are so many now that it is time to ask whether their table can take them.</summary>
    public bool IsWorthLoading(FixtureRecord record) =>
        staging[record.Table!] is { Count: DroppedIndexes.MinRows } staged && DirectLoad.Suits(staged);

    /// <summary>From here on, the rows of this record's model go straight into their table, if it is empty and nobody uses it.</summary>
    /// <returns>Whether they do.</returns>
    public async Task<bool> TryLoadAsync(FixtureRecord record, CancellationToken cancellationToken)
    {
        var staged = staging[record.Table!];
        await staging.FlushAsync(staged, cancellationToken);
        if (LoadOf(staged.Table) is not null)
        {
            return false;
        }

        if (await DirectLoad.TryBeginAsync(sql, channel, staged, cancellationToken) is not { } load)
        {
            return false;
        }

        loads.Add(staged.Table.Label, load);
        return true;
    }

    /// <summary>Sends what is left in the buffers.</summary>
    public async Task CompleteAsync(CancellationToken cancellationToken)
    {
        foreach (var load in loads.Values.Where(load => load.IsOpen))
        {
            await load.FlushAsync(cancellationToken);
        }

        await staging.FlushAsync(cancellationToken);
    }

    public void Dispose()
    {
        foreach (var load in loads.Values)
        {
            load.Dispose();
        }
    }
}
