using System.Text.Json;

namespace Exact.Api.Operations;

/// <summary>Sends news as server-sent events, each with an id, and a comment when there has been none for a while.</summary>
/// <param name="name">The name of the events.</param>
/// <param name="news">Looks at short intervals. One that equals the look before it is no news.</param>
/// <param name="isHead">Whether only the headers are asked for.</param>
/// <remarks>The framework's own result cannot send comments.</remarks>
internal sealed class ServerEvents(string name, IAsyncEnumerable<object> news, bool isHead = false) : IResult
{
    public const string ContentType = "text/event-stream";

    /// <summary>Proxies close a connection that is silent for long, often for a minute.</summary>
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(15);

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.ContentType = ContentType;
        response.Headers.CacheControl = "no-store";
        response.Headers["X-Accel-Buffering"] = "no"; // nginx would keep the events until it has many
        if (isHead)
        {
            return;
        }

        try
        {
            await SendAsync(httpContext, httpContext.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            // the client has gone, or the service stops
        }
    }

    private async Task SendAsync(HttpContext context, CancellationToken cancellationToken)
    {
        var time = context.RequestServices.GetRequiredService<TimeProvider>();
        var spoken = time.GetTimestamp();
        string? told = null;
        // A client that comes back goes on counting where it was.
        var id = long.TryParse(context.Request.Headers["Last-Event-ID"], out var last) ? last : 0;
        await foreach (var one in news.WithCancellation(cancellationToken))
        {
            var data = JsonSerializer.Serialize(one, Json.Options);
            if (data != told)
            {
                told = data;
                id++;
                await WriteAsync(context.Response, $"id: {id}\nevent: {name}\ndata: {data}\n\n", cancellationToken);
            }
            else if (time.GetElapsedTime(spoken) < LongestSilence)
            {
                continue;
            }
            else
            {
                await WriteAsync(context.Response, ": no news\n\n", cancellationToken);
            }

            spoken = time.GetTimestamp();
        }
    }

    private static async Task WriteAsync(HttpResponse response, string text, CancellationToken cancellationToken)
    {
        await response.WriteAsync(text, cancellationToken);
        await response.Body.FlushAsync(cancellationToken);
    }
}
