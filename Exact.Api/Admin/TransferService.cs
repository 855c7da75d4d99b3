using Exact.Infrastructure.Operations;
using Exact.Infrastructure.Transfer.Django;
using Exact.Infrastructure.Transfer.Exporting;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Reading;
using Microsoft.Extensions.Options;

namespace Exact.Api.Admin;

/// <summary>Import and export, on record in the journal: the same for HTTP and for the command line.</summary>
internal sealed class TransferService(
    FixtureImporter importer,
    FixtureExporter exporter,
    ManifestReader manifests,
    DjangoSource django,
    OperationJournal journal,
    BackgroundImports background,
    IOptions<TransferOptions> limits
)
{
    /// <summary>A server may sort a large table before it sends the first row.</summary>
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

    /// <summary>Receives an upload, which may take its time, and imports it when the caller has been answered.</summary>
    /// <param name="cancellationToken">The caller's: it ends the receiving, not the import.</param>
    /// <returns>The operation, once the upload is here.</returns>
    public async Task<long> StartImportAsync(
        Upload upload,
        ImportOptions options,
        string actor,
        CancellationToken cancellationToken
    )
    {
        var received = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
        var import = background.Start(stopping =>
            journal.RecordAsync(
                OperationKind.Import,
                actor,
                async (operation, ends) =>
                {
                    await using var copy = await ReceiveAsync(upload, operation, ends, cancellationToken);
                    received.SetResult(operation.Id);
                    await using var fixture = upload.Unpack(copy, limits.Value.MaxBytes);
                    return await importer.ImportAsync(fixture, options, operation, operation, ends);
                },
                Judge,
                stopping
            )
        );
        await await Task.WhenAny(received.Task, import); // whichever is first; the import, only if it has failed before
        return await received.Task;
    }

    /// <summary>Imports what a live Django database holds at this moment.</summary>
    /// <exception cref="DjangoException">It cannot be read; nothing was changed.</exception>
    public Task<ImportOutcome> ImportFromDjangoAsync(
        DjangoAddress address,
        ImportOptions options,
        string actor,
        CancellationToken cancellationToken
    ) => ImportFromDjangoAsync(address, options, actor, _ => { }, cancellationToken);

    /// <summary>The same, in the background.</summary>
    /// <returns>The operation.</returns>
    public async Task<long> StartImportFromDjangoAsync(DjangoAddress address, ImportOptions options, string actor)
    {
        var begun = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
        var import = background.Start(stopping =>
            ImportFromDjangoAsync(address, options, actor, begun.SetResult, stopping)
        );
        await await Task.WhenAny(begun.Task, import);
        return await begun.Task;
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

    /// <summary>Exports to where the caller opens a stream, which may depend on what there is to export.</summary>
    public Task<ExportReport> ExportAsync(
        Func<ExportManifest, Stream> open,
        ExportOptions options,
        string actor,
        CancellationToken cancellationToken
    ) =>
        journal.RecordAsync(
            OperationKind.Export,
            actor,
            async (operation, ends) =>
            {
                await using var snapshot = await exporter.OpenSnapshotAsync(options, ends);
                var destination = open(await manifests.CountAsync(snapshot, options, ends));
                return await exporter.WriteAsync(snapshot, destination, options, operation, ends);
            },
            report => (report, null),
            cancellationToken
        );

    /// <inheritdoc cref="ManifestReader.ReadAsync"/>
    public Task<ExportManifest> DescribeAsync(ExportOptions options, CancellationToken cancellationToken) =>
        manifests.ReadAsync(options, cancellationToken);

    /// <inheritdoc cref="FixtureExporter.FindMistakeAsync"/>
    public Task<(string Option, string Detail)?> FindMistakeAsync(
        ExportOptions options,
        CancellationToken cancellationToken
    ) => exporter.FindMistakeAsync(options, cancellationToken);

    /// <summary>The import that runs now, on whichever replica.</summary>
    public Task<long?> FindImportAsync(CancellationToken cancellationToken) =>
        journal.FindHolderAsync(FixtureImporter.Lock, cancellationToken);

    private async Task<FileStream> ReceiveAsync(
        Upload upload,
        RunningOperation operation,
        CancellationToken ends,
        CancellationToken hungUp
    )
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ends, hungUp);
        FileStream? copy = null;
        try
        {
            copy = SpoolFile.Create(limits.Value.SpoolFolder);
            await upload.CopyToAsync(
                copy,
                limits.Value.MaxBytes,
                length => operation.Report(ImportProgress.Received(length)),
                either.Token
            );
            copy.Position = 0;
            return copy;
        }
        catch (Exception e)
        {
            await (copy?.DisposeAsync() ?? ValueTask.CompletedTask);
            if (e is UnauthorizedAccessException or IOException and not BadHttpRequestException)
            {
                throw new BadHttpRequestException(
                    $"The upload cannot be kept in Transfers:SpoolFolder: {e.Message}",
                    StatusCodes.Status507InsufficientStorage,
                    e
                );
            }

            throw;
        }
    }

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

    /// <summary>Says beside how far an import is where it reads from.</summary>
    private sealed class Sourced(RunningOperation operation, string source) : IProgress<ImportProgress>
    {
        public void Report(ImportProgress value) => operation.Report(value with { Source = source });
    }
}
