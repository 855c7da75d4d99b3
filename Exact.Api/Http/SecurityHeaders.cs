namespace Exact.Api.Http;

/// <summary>What a browser may do with an answer. A page that needs more sets its own policy.</summary>
/// <remarks>The headers are those that OWASP recommends for an HTTP API (REST Security Cheat Sheet).</remarks>
internal static class SecurityHeaders
{
    private const string NoContent = "default-src 'none'; frame-ancestors 'none'";

    /// <summary>Swagger UI has its script in a file, and its styles and icons in the page.</summary>
    private const string Swagger =
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        + "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    public static void UseSecurityHeaders(this IApplicationBuilder app) =>
        app.Use(
            (context, next) =>
            {
                context.Response.OnStarting(Add, context);
                return next(context);
            }
        );

    private static Task Add(object state)
    {
        var context = (HttpContext)state;
        var (path, headers) = (context.Request.Path, context.Response.Headers);
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY"; // for browsers that do not know frame-ancestors
        headers.TryAdd("Referrer-Policy", "no-referrer");
        if (headers.ContentSecurityPolicy.Count == 0)
        {
            headers.ContentSecurityPolicy = path.StartsWithSegments("/swagger") ? Swagger : NoContent;
        }

        if (path.StartsWithSegments("/api/admin") || path.StartsWithSegments("/api/account"))
        {
            headers.CacheControl = "no-store";
        }

        return Task.CompletedTask;
    }
}
