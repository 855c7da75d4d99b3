namespace Exact.Api.Http;

/// <summary>Answers HEAD wherever there is GET: the request runs as GET, and the server sends no body.</summary>
internal static class HeadRequests
{
    private static readonly object Mark = new();

    /// <summary>Whether only the headers are asked for, so that the endpoint need not make a long body.</summary>
    public static bool IsHead(this HttpContext context) => context.Items.ContainsKey(Mark);

    public static void UseHeadRequests(this IApplicationBuilder app) =>
        app.Use(
            async (context, next) =>
            {
                var request = context.Request;
                if (!HttpMethods.IsHead(request.Method))
                {
                    await next(context);
                    return;
                }

                context.Items[Mark] = true;
                request.Method = HttpMethods.Get;
                try
                {
                    await next(context);
                }
                finally
                {
                    request.Method = HttpMethods.Head;
                }
            }
        );
}
