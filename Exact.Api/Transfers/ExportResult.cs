using System.IO.Compression;
using Exact.Api.Http;
using Exact.Api.Operations;
using Exact.Infrastructure;
using Exact.Infrastructure.Transfer.Exporting;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Exact.Api.Transfers;

/// <summary>Streams an export, packed if the client accepts that, and aborts the connection if it fails half-way.</summary>
/// <remarks>
/// An aborted response cannot be taken for a whole one. The response-compression middleware would hide whether anything has been sent.
/// </remarks>
internal sealed partial class ExportResult(TransferService transfers, ExportOptions options) : IResult
{
    /// <summary>An export holds a snapshot and locks, which must not depend on its client.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        var services = httpContext.RequestServices;
        var coding = CodingFor(httpContext.Request);
        if (httpContext.IsHead())
        {
            var manifests = services.GetRequiredService<ManifestReader>();
            Describe(response, await manifests.CountAsync(options, httpContext.RequestAborted), coding);
            return;
        }

        await using var body = new PacedResponse(response.Body, Patience, services.GetRequiredService<TimeProvider>());
        Stream? packing = null; // not disposed after a failure: that would write the end of a packed file
        try
        {
            await transfers.ExportAsync(
                (manifest, operation) =>
                {
                    Describe(response, manifest, coding);
                    response.Headers["Exact-Operation"] = operation is { } id
                        ? OperationEndpoints.AddressOf(httpContext, id)
                        : default(StringValues);
                    packing = Pack(body, coding);
                    return packing ?? body;
                },
                options,
                httpContext.User.Identity!.Name!,
                httpContext.RequestAborted
            );
            await (packing?.DisposeAsync() ?? ValueTask.CompletedTask);
        }
        catch (Exception e) when (response.HasStarted)
        {
            LogAborted(services.GetRequiredService<ILogger<ExportResult>>(), e.Cause());
            httpContext.Abort();
        }
    }

    private void Describe(HttpResponse response, ExportManifest manifest, string coding)
    {
        var (type, extension) = options switch
        {
            { IsComplete: true } => ("application/x-tar", "tar"),
            { Format: FixtureFormat.Json } => ("application/json", "json"),
            _ => ("application/x-ndjson", "jsonl"),
        };
        var headers = response.Headers;
        response.ContentType = type;
        headers.ContentDisposition = new ContentDispositionHeaderValue("attachment")
        {
            FileName = $"exact-{manifest.At:yyyy-MM-ddTHH-mm-ssZ}.{extension}",
        }.ToString();
        headers.Vary = HeaderNames.AcceptEncoding;
        headers["Exact-Version"] = manifest.Version;
        headers["Exact-Schema"] = manifest.Schema;
        headers["Exact-Records"] = $"{manifest.Records}";
        headers["Exact-Models"] = string.Join(
            ", ",
            manifest.Models.Select(model => $"{model.Key}={model.Value.Records}")
        );
        if (coding is not "identity")
        {
            headers.ContentEncoding = coding;
        }
    }

    private static Stream? Pack(Stream body, string coding) =>
        coding switch
        {
            "br" => new BrotliStream(body, CompressionLevel.Fastest, leaveOpen: true),
            "gzip" => new GZipStream(body, CompressionLevel.Fastest, leaveOpen: true),
            _ => null,
        };

    /// <summary>The coding that the client prefers, and among equals the one that packs best; by default none.</summary>
    private static string CodingFor(HttpRequest request)
    {
        string[] codings = ["br", "gzip", "identity"];
        var accepted = request.GetTypedHeaders().AcceptEncoding;
        return codings.MaxBy(coding =>
            accepted.FirstOrDefault(value => value.Value == coding) is { } named ? named.Quality ?? 1
            : coding is "identity" ? 0.001
            : 0
        )!;
    }

    [LoggerMessage(1202, LogLevel.Warning, "An export was aborted: {Cause}")]
    private static partial void LogAborted(ILogger logger, string cause);
}
