using System.Globalization;
using System.Text.Json;
using Exact.Api.Http;
using Exact.Api.Transfers;
using Exact.Infrastructure;
using Microsoft.Net.Http.Headers;

namespace Exact.Api;

/// <summary>How a list is written.</summary>
internal enum RowFormat
{
    /// <summary>A page, as a JSON array; the default.</summary>
    Json,

    /// <summary>All rows, as in RFC 4180, with a header.</summary>
    Csv,

    /// <summary>All rows, each as a line of JSON.</summary>
    Jsonl,
}

internal static class RowFormats
{
    public const string Description = "`json` is a page; `csv` and `jsonl` hold all rows, whatever `limit` says.";
}

internal static class AllRows
{
    public const string Csv = "text/csv";

    public const string Lines = "application/x-ndjson";

    /// <summary>Documents a page of rows, and all of them in the other formats.</summary>
    public static RouteHandlerBuilder ProducesRows<T>(this RouteHandlerBuilder endpoint) =>
        endpoint.Produces<IReadOnlyList<T>>(StatusCodes.Status200OK, "application/json", Lines, Csv);
}

/// <summary>Streams all rows of a list in constant memory, and aborts the connection if it fails half-way.</summary>
/// <param name="rows">The rows.</param>
/// <param name="format">CSV or JSON lines.</param>
/// <param name="total">The number of rows; null if the caller may not know it.</param>
/// <param name="name">The name of the file, without its extension.</param>
internal sealed partial class AllRows<T>(IAsyncEnumerable<T> rows, RowFormat format, long? total, string name) : IResult
{
    private const int BufferSize = 64 * 1024;

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        var services = httpContext.RequestServices;
        var extension = format.ToString().ToLowerInvariant();
        response.ContentType = format is RowFormat.Csv ? $"{AllRows.Csv}; charset=utf-8" : AllRows.Lines;
        response.Headers[Paging.TotalHeader] = total?.ToString(CultureInfo.InvariantCulture);
        response.Headers.ContentDisposition = new ContentDispositionHeaderValue("attachment")
        {
            FileName = $"{name}.{extension}",
        }.ToString();
        if (httpContext.IsHead())
        {
            return;
        }

        var time = services.GetRequiredService<TimeProvider>();
        await using var paced = new PacedResponse(response.Body, ExportResult.Patience, time);
        try
        {
            var body = new BufferedStream(paced, BufferSize); // not disposed after a failure: that would write the rest
            await WriteAsync(body, httpContext.RequestAborted);
            await body.FlushAsync(httpContext.RequestAborted);
        }
        catch (Exception e) when (response.HasStarted)
        {
            LogAborted(services.GetRequiredService<ILogger<AllRows<T>>>(), name, e.Cause());
            httpContext.Abort();
        }
    }

    private async Task WriteAsync(Stream body, CancellationToken cancellationToken)
    {
        var csv = format is RowFormat.Csv ? new CsvLines<T>() : null;
        if (csv is not null)
        {
            await body.WriteAsync(csv.Header(), cancellationToken);
        }

        await foreach (var row in rows.WithCancellation(cancellationToken))
        {
            await body.WriteAsync(
                csv?.Line(row) ?? [.. JsonSerializer.SerializeToUtf8Bytes(row, Json.Options), (byte)'\n'],
                cancellationToken
            );
        }
    }

    [LoggerMessage(1504, LogLevel.Warning, "The file {Name} was aborted: {Cause}")]
    private static partial void LogAborted(ILogger logger, string name, string cause);
}
