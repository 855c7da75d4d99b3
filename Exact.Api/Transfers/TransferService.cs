using Exact.Api.Transfers.Unpacking;
using Exact.Infrastructure.Operations;
using Exact.Infrastructure.Transfer.Archive;
using Exact.Infrastructure.Transfer.Django;
using Exact.Infrastructure.Transfer.Exporting;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Reading;
using Microsoft.Extensions.Options;

namespace Exact.Api.Transfers;

/// <summary>Imports and exports, and records both in the journal. HTTP and the command line share it.</summary>
internal sealed class TransferService(
    FixtureImporter importer,
    FixtureExporter exporter,
    ManifestReader manifests,
    ArchiveWriter archives,
    DjangoSource django,
    OperationJournal journal,
    BackgroundImports background,
    IOptions<TransferOptions> settings
)
{
    /// <summary>How long the Django server may sort a large table before it sends the first row.</summary>
    private static readonly TimeSpan DjangoPatience = TimeSpan.FromMinutes(2);

    /// <inheritdoc cref="FixtureImporter.ImportAsync"/>
    public Task<ImportOutcome> ImportAsync(
        Stream source,
        ImportOptions options,
        string actor,
        CancellationToken cancellationToken
    ) =>
        journal.RecordAsync(
            OperationKind.Import,
            actor,
            (operation, ends) => importer.ImportAsync(source, options, operation, operation, ends),
            Judge,
            cancellationToken
        );

    /// <summary>Receives a file, and then imports it in the background.</summary>
    /// <param name="source">The file as it arrives. It may be slow, for no lock is held until all of it is here.</param>
    /// <param name="packing">How the file is said to be packed.</param>
    /// <param name="options">What the import may do.</param>
    /// <param name="actor">Who asked for it.</param>
    /// <param name="cancellationToken">The caller's: it ends the receiving, not the import.</param>
    /// <param name="keep">Gets the operation and the file of an import that succeeded; otherwise the file is deleted.</param>
    /// <returns>The operation, once the whole file is here.</returns>
    /// <exception cref="FileTooLargeException">The file is too large; nothing was changed.</exception>
    /// <exception cref="SpoolException">The file cannot be kept; nothing was changed.</exception>
    public Task<long> StartImportAsync(
        Stream source,
        Packing packing,
        ImportOptions options,
        string actor,
        CancellationToken cancellationToken,
        Action<long, FileStream>? keep = null
    ) =>
        StartAsync(
            async (operation, received, ends) =>
            {
                using var either = CancellationTokenSource.CreateLinkedTokenSource(ends, cancellationToken);
                var copy = await Spool.KeepAsync(
                    source,
                    settings.Value.SpoolFolder,
                    settings.Value.MaxBytes,
                    bytes => operation.Report(ImportProgress.Received(bytes)),
                    either.Token
                );
                received.SetResult(operation.Id);
                return await ImportAsync(operation, copy, packing, options, keep, ends);
            },
            actor
        );

    /// <summary>Imports a file that has been received, in the background, and deletes it.</summary>
    /// <returns>The operation.</returns>
    public Task<long> StartImportAsync(FileStream received, Packing packing, ImportOptions options, string actor) =>
        StartAsync(
            async (operation, begun, ends) =>
            {
                begun.SetResult(operation.Id);
                return await ImportAsync(operation, received, packing, options, keep: null, ends);
            },
            actor
        );

    /// <summary>Imports what a live Django database holds at this moment.</summary>
    /// <exception cref="DjangoException">The database cannot be read; nothing was changed.</exception>
    public Task<ImportOutcome> ImportFromDjangoAsync(
        DjangoAddress address,
        ImportOptions options,
        string actor,
        CancellationToken cancellationToken
    ) => ImportFromDjangoAsync(address, options, actor, _ => { }, cancellationToken);

    /// <summary>Imports what a live Django database holds, in the background.</summary>
    /// <returns>The operation.</returns>
    public Task<long> StartImportFromDjangoAsync(DjangoAddress address, ImportOptions options, string actor) =>
        background.BeginAsync((begun, stopping) => ImportFromDjangoAsync(address, options, actor, begun, stopping));

    private async Task<long> StartAsync(
        Func<RunningOperation, TaskCompletionSource<long>, CancellationToken, Task<ImportOutcome>> work,
        string actor
    )
    {
        var begun = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
        var import = background.Start(stopping =>
            journal.RecordAsync(
                OperationKind.Import,
                actor,
                (operation, ends) => work(operation, begun, ends),
                Judge,
                stopping
            )
        );
        await await Task.WhenAny(begun.Task, import); // the import comes first only if it failed
        return await begun.Task;
    }

    private async Task<ImportOutcome> ImportAsync(
        RunningOperation operation,
        FileStream copy,
        Packing packing,
        ImportOptions options,
        Action<long, FileStream>? keep,
        CancellationToken cancellationToken
    )
    {
        var isKept = false;
        try
        {
            copy.Position = 0;
            await using var fixture = new FixtureStream(copy, packing, settings.Value.MaxBytes);
            var outcome = await importer.ImportAsync(fixture, options, operation, operation, cancellationToken);
            isKept = keep is not null && outcome is ImportOutcome.Imported;
            return outcome;
        }
        finally
        {
            if (isKept)
            {
                keep!(operation.Id, copy);
            }
            else
            {
                await copy.DisposeAsync();
            }
        }
    }

    private Task<ImportOutcome> ImportFromDjangoAsync(
        DjangoAddress address,
        ImportOptions options,
        string actor,
        Action<long> begun,
        CancellationToken cancellationToken
    )
    {
        var source = address.ToString();
        return journal.RecordAsync(
            OperationKind.Import,
            actor,
            async (operation, ends) =>
            {
                operation.Report(ImportProgress.Opening(source));
                begun(operation.Id);
                await using var snapshot = await django.OpenAsync(address, ends);
                return await importer.ImportAsync(
                    snapshot.Content,
                    options with
                    {
                        Source = source,
                        Patience = DjangoPatience,
                    },
                    new Sourced(operation, source),
                    operation,
                    ends
                );
            },
            outcome => Judge(outcome, source),
            cancellationToken
        );
    }

    /// <summary>Exports into the stream that the caller opens once the contents and the operation are known.</summary>
    public Task<ExportReport> ExportAsync(
        Func<ExportManifest, long?, Stream> open,
        ExportOptions options,
        string actor,
        CancellationToken cancellationToken
    ) =>
        journal.RecordReadAsync(
            OperationKind.Export,
            actor,
            async (operation, ends) =>
            {
                await using var snapshot = await exporter.OpenSnapshotAsync(options, ends);
                var contents = await manifests.CountAsync(snapshot, options, ends);
                var destination = open(contents, operation?.Id);
                return await (
                    options.IsComplete
                        ? archives.WriteAsync(snapshot, contents, destination, options, operation, ends)
                        : exporter.WriteAsync(snapshot, destination, options, operation, ends)
                );
            },
            report => report,
            cancellationToken
        );

    private static (object? Figures, string? Error) Judge(ImportOutcome outcome) => Judge(outcome, source: null);

    private static (object? Figures, string? Error) Judge(ImportOutcome outcome, string? source) =>
        outcome switch
        {
            ImportOutcome.Imported imported => (imported.Report, null),
            ImportOutcome.NotJson e => (Figures([e.Error], 1, source), e.Error.Describe()),
            ImportOutcome.Rejected e => (
                Figures(e.Errors, e.ErrorCount, source),
                $"{e.Summary} The first error: {e.Errors[0].Detail}"
            ),
            ImportOutcome.Blocked e => (null, e.Detail),
            ImportOutcome.Stalled e => (null, e.Detail),
            _ => (null, "Another import was running."),
        };

    private static object Figures(IReadOnlyList<FixtureError> errors, long count, string? source) =>
        source is null
            ? new { error_count = count, errors }
            : new
            {
                source,
                error_count = count,
                errors,
            };

    /// <summary>Adds the source to the progress of an import.</summary>
    private sealed class Sourced(RunningOperation operation, string source) : IProgress<ImportProgress>
    {
        public void Report(ImportProgress value) => operation.Report(value with { Source = source });
    }
}
