using Exact.Infrastructure.Fixtures;
using Exact.Infrastructure.Operations;

namespace Exact.Api.Admin;

/// <summary>Import and export, on record in the journal: the same for HTTP and for the command line.</summary>
internal sealed class TransferService(FixtureImporter importer, FixtureExporter exporter, OperationJournal journal)
{
    /// <inheritdoc cref="FixtureImporter.ImportAsync"/>
    public Task<ImportOutcome> ImportAsync(
        Stream source,
        ImportOptions options,
        string actor,
        CancellationToken cancellationToken,
        IProgress<ImportProgress>? progress = null
    ) =>
        journal.RecordAsync(
            OperationKind.Import,
            actor,
            () => importer.ImportAsync(source, options, progress, cancellationToken),
            outcome =>
                outcome switch
                {
                    ImportOutcome.Imported imported => (imported.Report, null),
                    ImportOutcome.NotJson e => (null, e.Error.Detail),
                    ImportOutcome.Rejected e => (null, $"{e.Summary}, the first: {e.Errors[0].Detail}"),
                    _ => (null, "Another import was running."),
                }
        );

    /// <inheritdoc cref="FixtureExporter.ExportAsync"/>
    public Task<ExportReport> ExportAsync(
        Stream destination,
        ExportOptions options,
        string actor,
        CancellationToken cancellationToken
    ) =>
        journal.RecordAsync(
            OperationKind.Export,
            actor,
            () => exporter.ExportAsync(destination, options, cancellationToken),
            report => (report, null)
        );

    /// <inheritdoc cref="FixtureExporter.UnknownModels"/>
    public IReadOnlyList<string> UnknownModels(ExportOptions options) => exporter.UnknownModels(options);
}
