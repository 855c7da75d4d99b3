using System.IO.Compression;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Files;
using Exact.Infrastructure.Operations;
using Exact.Infrastructure.Transfer.Archive;
using Exact.Infrastructure.Transfer.Exporting;
using Exact.Infrastructure.Transfer.Mapping;
using Npgsql;

namespace Exact.Infrastructure.Backups;

/// <summary>Writes a complete backup, packed, into a folder.</summary>
internal sealed class BackupWriter(
    NpgsqlDataSource database,
    FixtureTables tables,
    IFileStore store,
    OperationTurns turns,
    TimeProvider time
)
{
    private static readonly ExportOptions Everything = new() { IsComplete = true };

    private readonly FixtureExporter exporter = new(database, tables);

    /// <summary>The writer for a database with an older schema; null if it holds no data.</summary>
    public async Task<BackupWriter?> FindForOlderAsync(CancellationToken cancellationToken)
    {
        var present = tables.PresentIn(await ReadColumnsAsync(cancellationToken));
        return await HasDataAsync(present, cancellationToken)
            ? new BackupWriter(database, present, store, turns, time)
            : null;
    }

    /// <summary>Writes an archive and publishes it under its name.</summary>
    public async Task<ArchiveManifest> WriteAsync(
        BackupFolder folder,
        string name,
        IProgress<ExportProgress> progress,
        CancellationToken cancellationToken
    )
    {
        var manifests = new ManifestReader(exporter, turns, time);
        var archives = new ArchiveWriter(exporter, store);
        ArchiveManifest? manifest = null;
        await using var staged = await PipedStream.ConnectAsync(
            async (stream, ends) =>
            {
                await using var snapshot = await exporter.OpenSnapshotAsync(Everything, ends);
                var contents = await manifests.CountAsync(snapshot, Everything, ends);
                var packing = new GZipStream(stream, CompressionLevel.Fastest, leaveOpen: true);
                var report = await archives.WriteAsync(snapshot, contents, packing, Everything, progress, ends);
                await packing.DisposeAsync(); // not after a failure: it writes the end of the file
                manifest = report.Archive;
            },
            (stream, ends) => folder.StageAsync(name, stream, ends),
            cancellationToken
        );
        await staged.PublishAsync(cancellationToken);
        return manifest!;
    }

    private async Task<ILookup<string, string>> ReadColumnsAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
            WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
                AND a.attnum > 0 AND NOT a.attisdropped
            """
        );
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        var columns = new List<(string Table, string Column)>();
        while (await rows.ReadAsync(cancellationToken))
        {
            columns.Add((rows.GetString(0), rows.GetString(1)));
        }

        return columns.ToLookup(one => one.Table, one => one.Column);
    }

    private async Task<bool> HasDataAsync(FixtureTables present, CancellationToken cancellationToken)
    {
        var any = string.Join(" OR ", present.All.Select(table => $"EXISTS (SELECT FROM {table.Name})"));
        await using var command = database.CreateCommand($"{RowSecurity.Off} SELECT {(any is "" ? "false" : any)}");
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }
}
