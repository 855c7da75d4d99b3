using System.IO.Pipelines;
using Exact.Api.Metrics;
using Exact.Api.Startup;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace Exact.Api.Http;

/// <summary>What every request passes first: proxies, headers, HEAD, other origins and the limit per address.</summary>
internal static class HttpSetup
{
    /// <summary>The largest body of a route that does not state its own limit, as every route with a body does.</summary>
    public const int MaxBody = 64 * 1024;

    public static void AddHttp(this WebApplicationBuilder builder)
    {
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxBody;
        });
        builder.Services.AddProxies();
        builder.AddAllowedOrigins();
        builder.Services.AddAddressLimit();
        builder.Services.AddScoped<PublicReads>();
        builder.Services.AddHostedService<ListeningAddresses>();
        builder.Services.AddHostedService<Draining>();
        builder
            .Services.AddOptions<HostOptions>()
            .Configure<IOptions<RequestOptions>>(
                (host, requests) => host.ShutdownTimeout = Draining.Patience + requests.Value.StopDelay
            );
    }

    public static void UseHttp(this WebApplication app)
    {
        app.UseProxies();
        if (!app.Environment.IsDevelopment())
        {
            app.UseHsts(); // only over TLS, and never for localhost
        }

        app.UseSecurityHeaders();
        app.UseMetrics();
        app.Use(ReadRestOfBodyAsync);
        app.UseHeadRequests();
        app.UseRouting(); // behind the prefix and HEAD, which change what is routed
        app.UseCors();
        app.UseRateLimiter();
    }

    /// <summary>Lets Kestrel read the rest of a refused upload of any size, for its five seconds.</summary>
    /// <remarks>
    /// Above its size limit it would close the connection at once, and the reset would destroy the answer.
    /// </remarks>
    private static async Task ReadRestOfBodyAsync(HttpContext context, RequestDelegate next)
    {
        await next(context);
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = null;
        }

        if (
            HttpProtocol.IsHttp2(context.Request.Protocol)
            && context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true }
        )
        {
            await context.Response.CompleteAsync();
            await DrainAsync(context.Request.BodyReader);
        }
    }

    /// <summary>Reads on for five seconds, which Kestrel does only for HTTP/1.1.</summary>
    /// <remarks>Otherwise it resets the stream, and curl reports an error instead of the answer.</remarks>
    private static async Task DrainAsync(PipeReader body)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        try
        {
            while (await body.ReadAsync(limit.Token) is { IsCompleted: false } read)
            {
                body.AdvanceTo(read.Buffer.End);
            }
        }
        catch (Exception e)
            when (e is OperationCanceledException or IOException or BadHttpRequestException or InvalidOperationException
            )
        {
            // the client is slow or has gone, or the body has been read
        }
    }
}
