using Microsoft.AspNetCore.Cors.Infrastructure;

namespace Exact.Api.Access;

/// <summary>
/// Refuses changes that another site has a browser ask for in the name of the person who is signed in. It judges as .NET 11
/// does, by headers that scripts cannot forge.
/// </summary>
internal static class CrossSiteRequests
{
    private const string FetchSite = "Sec-Fetch-Site";

    public static void UseCrossSiteRule(this WebApplication app)
    {
        var origins = app.Services.GetRequiredService<ICorsPolicyProvider>();
        app.Use(
            async (context, next) =>
            {
                if (IsAtRisk(context) && await IsForeignAsync(context, origins))
                {
                    await TypedResults
                        .Problem(
                            statusCode: StatusCodes.Status403Forbidden,
                            title: "Another site sent this request.",
                            detail: "Exact takes changes only from its own pages and from the origins in Cors:Origins."
                        )
                        .ExecuteAsync(context);
                    return;
                }

                await next(context);
            }
        );
    }

    /// <summary>Marks an endpoint that gives out the cookie: nobody shall be signed in as somebody else.</summary>
    public static T SetsCookie<T>(this T endpoint)
        where T : IEndpointConventionBuilder => endpoint.WithMetadata(CookieGiver.Mark);

    private static bool IsAtRisk(HttpContext context) =>
        !(
            HttpMethods.IsGet(context.Request.Method)
            || HttpMethods.IsHead(context.Request.Method)
            || HttpMethods.IsOptions(context.Request.Method)
            || HttpMethods.IsTrace(context.Request.Method)
        )
        && (
            context.Request.Cookies.ContainsKey(SessionCookie.Name)
            || context.GetEndpoint()?.Metadata.GetMetadata<CookieGiver>() is not null
        )
        && AdminKeyHandler.KeyOf(context.Request) is null; // the cookie is not looked at

    private static async Task<bool> IsForeignAsync(HttpContext context, ICorsPolicyProvider origins)
    {
        var request = context.Request;
        var origin = request.Headers.Origin.ToString();
        if (origin.Length > 0 && (await origins.GetPolicyAsync(context, null))?.IsOriginAllowed(origin) is true)
        {
            return false;
        }

        return (request.Headers[FetchSite].ToString(), origin) switch
        {
            ({ Length: > 0 } site, _) => site is not ("same-origin" or "none"),
            (_, { Length: > 0 }) => !Uri.TryCreate(origin, UriKind.Absolute, out var uri) || !IsHost(uri, request),
            _ => false, // no browser
        };
    }

    /// <summary>The scheme is not compared: a proxy that ends TLS may not have told it.</summary>
    private static bool IsHost(Uri origin, HttpRequest request) =>
        string.Equals(origin.Authority, request.Host.Value, StringComparison.OrdinalIgnoreCase);

    private sealed class CookieGiver
    {
        public static readonly CookieGiver Mark = new();
    }
}
