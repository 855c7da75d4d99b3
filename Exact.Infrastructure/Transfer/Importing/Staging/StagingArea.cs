using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Reading;
using Exact.Infrastructure.Transfer.Wire;

namespace Exact.Infrastructure.Transfer.Importing.Staging;

/// <summary>
/// Temporary tables that hold the file until all of it has been read. Each has a small buffer, so that a file that alternates between
/// models changes from one COPY to another once a buffer, not once a record.
/// </summary>
internal sealed class StagingArea(ImportSql sql, CopyChannel channel, FixtureTables tables)
{
    private readonly Dictionary<string, StagedTable> byLabel = tables.All.ToDictionary(
        table => table.Label,
        table => new StagedTable(table)
    );

    /// <summary>Parents before children.</summary>
    public IEnumerable<StagedTable> Tables => tables.All.Select(table => this[table]);

    public StagedTable this[FixtureTable table] => byLabel[table.Label];

    /// <summary>The fields that refer to rows of a table by another column than their key.</summary>
    public IEnumerable<(FixtureTable Child, FixtureField Reference)> ReferencesByName(FixtureTable table) =>
        from child in Tables
        from field in child.Table.Fields
        where field.Parent is { } parent && parent.Table == table.Name && table.Find(parent.Column) is not null
        select (child.Table, field);

    /// <summary>A table and those whose rows go with its rows, parents before children.</summary>
    public IReadOnlyList<StagedTable> WithChildren(StagedTable staged)
    {
        var names = new HashSet<string> { staged.Table.Name };
        return
        [
            staged,
            .. Tables.Where(child => child.Table.Parents.Any(names.Contains) && names.Add(child.Table.Name)),
        ];
    }

    public Task<long> CreateAsync(CancellationToken cancellationToken) =>
        sql.ExecuteAsync(string.Concat(Tables.Select(table => table.CreateSql())), cancellationToken);

    public async ValueTask AddAsync(FixtureRecord record, CancellationToken cancellationToken)
    {
        var staged = this[record.Table!];
        staged.Note(record);
        staged.Write(record);
        await channel.SendIfFullAsync(staged.Rows, cancellationToken);
        if (staged.Memberships is { } memberships)
        {
            await channel.SendIfFullAsync(memberships, cancellationToken);
        }
    }

    /// <summary>Sends what is left in the buffers of a table, and leaves the connection free for other statements.</summary>
    public async Task FlushAsync(StagedTable staged, CancellationToken cancellationToken)
    {
        await channel.SendAsync(staged.Rows, cancellationToken);
        if (staged.Memberships is { } memberships)
        {
            await channel.SendAsync(memberships, cancellationToken);
        }

        await channel.EndAsync(cancellationToken);
    }

    /// <summary>Sends what is left in all buffers.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        foreach (var staged in Tables)
        {
            await FlushAsync(staged, cancellationToken);
        }
    }
}
