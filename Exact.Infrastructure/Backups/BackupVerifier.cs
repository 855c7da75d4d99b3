using System.IO.Compression;
using System.Security.Cryptography;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Transfer.Archive;
using Exact.Infrastructure.Transfer.Exporting;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Mapping;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Exact.Infrastructure.Backups;

/// <summary>Proves a complete backup: restores it into a scratch database, and compares that with its manifest.</summary>
internal sealed class BackupVerifier(
    MigratorConnection connections,
    FixtureTables tables,
    TimeProvider time,
    ILogger<BackupVerifier> logger
)
{
    /// <summary>How long the archive may stop coming. Nobody waits for the tables of the scratch database.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>Restores an archive, and compares.</summary>
    /// <param name="archive">The archive, packed with gzip or not. It is left open.</param>
    /// <param name="cancellationToken">Ends the verification.</param>
    /// <returns>The manifest, which is true.</returns>
    /// <exception cref="BackupException">The archive cannot be restored, or what was restored differs.</exception>
    /// <exception cref="ScratchDatabaseException">It cannot be tried. This and any other exception say nothing of the archive.</exception>
    public async Task<ArchiveManifest> VerifyAsync(Stream archive, CancellationToken cancellationToken)
    {
        await using var scratch = await ScratchDatabase.CreateAsync(
            connections,
            "verification",
            like: null,
            logger,
            cancellationToken
        );
        await using var database = connections.CreateDataSource(scratch.Name);
        var schema = await MigrateAsync(database, cancellationToken);
        await using var file = new PeekedStream(archive);
        var isPacked = (await file.PeekAsync(cancellationToken)).Span is [0x1F, 0x8B, ..];
        await using var unpacked = isPacked ? new GZipStream(file, CompressionMode.Decompress) : (Stream)file;
        var importer = new FixtureImporter(database, tables, time);
        var options = new ImportOptions { Patience = Patience };
        var outcome = await importer.ImportAsync(unpacked, options, cancellationToken: cancellationToken);
        var manifest = outcome switch
        {
            ImportOutcome.Imported { Report.Archive: { } found } => found,
            ImportOutcome.Imported => throw new BackupException(
                "The file is not a complete backup: it has no manifest."
            ),
            ImportOutcome.NotJson { Error: var error } => throw new BackupException(error.Describe()),
            ImportOutcome.Rejected { Errors: [var first, ..] } => throw new BackupException(first.Describe()),
            _ => throw new InvalidOperationException($"The import into a scratch database ended with {outcome}."),
        };
        await CompareAsync(database, schema, manifest, cancellationToken);
        return manifest;
    }

    /// <summary>What was restored is exported again: to the same bytes, if it had the schema of this version.</summary>
    private async Task CompareAsync(
        NpgsqlDataSource database,
        string schema,
        ArchiveManifest manifest,
        CancellationToken cancellationToken
    )
    {
        using var hash = SHA256.Create();
        await using var hashing = new CryptoStream(Stream.Null, hash, CryptoStreamMode.Write);
        var exporter = new FixtureExporter(database, tables);
        var report = await exporter.ExportAsync(hashing, new ExportOptions(), cancellationToken);
        await hashing.FlushFinalBlockAsync(cancellationToken);
        foreach (var (model, records) in manifest.Models)
        {
            if (report.Models.GetValueOrDefault(model) is var restored && restored != records)
            {
                throw new BackupException(
                    $"The backup has {records} records of {model}, of which {restored} were restored."
                );
            }
        }

        if (manifest.Schema == schema && Convert.ToHexStringLower(hash.Hash!) != manifest.Sha256)
        {
            throw new BackupException("What was restored differs from what was backed up.");
        }
    }

    /// <returns>The newest migration.</returns>
    private static async Task<string> MigrateAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        var options = new DbContextOptionsBuilder<ExactDbContext>();
        options.UseExact(database);
        await using var context = new ExactDbContext(options.Options);
        context.Database.SetCommandTimeout(TimeSpan.Zero);
        await context.Database.MigrateAsync(cancellationToken);
        return context.Database.GetMigrations().Last();
    }
}

/// <summary>A backup is not what it should be.</summary>
internal sealed class BackupException(string message) : Exception(message);
