using System.Security.Cryptography;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Operations;
using Npgsql;

namespace Exact.Infrastructure.Transfer.Exporting;

/// <summary>Says what an export holds, from the snapshot that it is made of.</summary>
internal sealed class ManifestReader(FixtureExporter exporter, OperationTurns turns, TimeProvider time)
{
    /// <summary>What an export holds, but for the hashes, which take as long as the export itself.</summary>
    public async Task<ExportManifest> CountAsync(
        NpgsqlConnection snapshot,
        ExportOptions options,
        CancellationToken cancellationToken
    )
    {
        var now = time.GetUtcNow();
        await using var command = new NpgsqlCommand(
            $"SELECT max(migration_id) FROM {MigrationHistory.Table}",
            snapshot
        );
        var schema = (string)(await command.ExecuteScalarAsync(cancellationToken))!;
        var counts = await exporter.CountAsync(snapshot, options, cancellationToken);
        return new ExportManifest(
            Product.Version,
            schema,
            now,
            counts.Values.Sum(),
            counts.ToDictionary(model => model.Key, model => new ModelManifest(model.Value))
        );
    }

    /// <summary>What an export with these options would hold now, but for the hashes.</summary>
    public async Task<ExportManifest> CountAsync(ExportOptions options, CancellationToken cancellationToken)
    {
        using var turn = await turns.TakeAsync(cancellationToken);
        await using var snapshot = await exporter.OpenSnapshotAsync(options, cancellationToken);
        return await CountAsync(snapshot, options, cancellationToken);
    }

    /// <summary>What an export with these options would hold now, with the hashes.</summary>
    public async Task<ExportManifest> ReadAsync(ExportOptions options, CancellationToken cancellationToken)
    {
        using var turn = await turns.TakeAsync(cancellationToken);
        await using var snapshot = await exporter.OpenSnapshotAsync(options, cancellationToken);
        var manifest = await CountAsync(snapshot, options, cancellationToken);
        var models = new Dictionary<string, ModelManifest>();
        foreach (var (label, model) in manifest.Models)
        {
            var alone = options with { Format = FixtureFormat.Jsonl, Models = [label], Exclude = [] };
            using var hash = SHA256.Create();
            await using var hashing = new CryptoStream(Stream.Null, hash, CryptoStreamMode.Write);
            var report = await exporter.WriteAsync(snapshot, hashing, alone, progress: null, cancellationToken);
            await hashing.FlushFinalBlockAsync(cancellationToken);
            models.Add(label, new(model.Records, report.Bytes, Convert.ToHexStringLower(hash.Hash!)));
        }

        return manifest with
        {
            Models = models,
        };
    }
}

/// <summary>What an export holds.</summary>
/// <param name="Version">The version of Exact.</param>
/// <param name="Schema">The newest migration that the database has had.</param>
/// <param name="At">When it was looked at.</param>
/// <param name="Records">All records.</param>
/// <param name="Models">Per Django label, in the order of the file.</param>
/// <example>
/// {"version": "0.1.0", "schema": "20261126231500_DeriveFromMovedDisqualifications", "at": "2026-12-03T14:21:05Z",
/// "records": 1204, "models": {"api.score": {"records": 1204, "bytes": 402653,
/// "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}}}
/// </example>
public sealed record ExportManifest(
    string Version,
    string Schema,
    DateTimeOffset At,
    long Records,
    IReadOnlyDictionary<string, ModelManifest> Models
);

/// <summary>The records of one model.</summary>
/// <param name="Bytes">The length of an export with <c>format=jsonl</c> of this model alone.</param>
/// <param name="Sha256">The hash of the same, in lower-case hexadecimal, as <c>sha256sum</c> prints it.</param>
public sealed record ModelManifest(long Records, long Bytes = 0, string Sha256 = "");
