using System.Text.Json;

namespace Exact.Api.Operations;

/// <summary>Sends an operation as server-sent events, and a comment when there is no news of it.</summary>
/// <remarks>The framework's own result cannot send comments.</remarks>
internal sealed class OperationEvents(IAsyncEnumerable<OperationResponse?> news) : IResult
{
    public const string ContentType = "text/event-stream";

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.ContentType = ContentType;
        response.Headers["X-Accel-Buffering"] = "no"; // nginx would keep the events until it has many
        try
        {
            await SendAsync(response, httpContext.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            // the client has gone, or the service stops
        }
    }

    private async Task SendAsync(HttpResponse response, CancellationToken cancellationToken)
    {
        await foreach (var operation in news.WithCancellation(cancellationToken))
        {
            await response.WriteAsync(
                operation is null
                    ? ": no news\n\n"
                    : $"event: operation\ndata: {JsonSerializer.Serialize(operation, Json.Options)}\n\n",
                cancellationToken
            );
            await response.Body.FlushAsync(cancellationToken);
        }
    }
}
