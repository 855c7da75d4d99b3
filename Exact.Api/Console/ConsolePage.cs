using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exact.Api.AdminConsole;

/// <summary>What every page knows: the request, and where the console is.</summary>
public abstract class ConsolePage : ComponentBase
{
    [CascadingParameter]
    protected HttpContext Context { get; set; } = null!;

    /// <summary>The path prefix of the public address.</summary>
    protected string Root => Context.Request.PathBase;

    protected string Admin => $"{Root}/admin";

    protected CancellationToken Aborted => Context.RequestAborted;

    protected static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    /// <summary>Reads what the page shows. The framework's own method would show the page once before that.</summary>
    protected virtual Task LoadAsync() => Task.CompletedTask;

    public override async Task SetParametersAsync(ParameterView parameters)
    {
        parameters.SetParameterProperties(this);
        await LoadAsync();
        await base.SetParametersAsync(ParameterView.Empty);
    }

    /// <summary>A page that is rendered as a whole, so that a failure still becomes an error page.</summary>
    internal static IResult Of<T>(Dictionary<string, object?>? parameters = null, int? status = null)
        where T : ConsolePage => new Rendered(typeof(T), parameters ?? [], status);

    private sealed class Rendered(Type page, Dictionary<string, object?> parameters, int? status) : IResult
    {
        private const string Policy =
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

        public Task ExecuteAsync(HttpContext httpContext)
        {
            var headers = httpContext.Response.Headers;
            headers.ContentSecurityPolicy = Policy;
            headers.CacheControl = "no-cache, no-store"; // antiforgery warns of any other
            headers["Referrer-Policy"] = "same-origin";
            headers["Cross-Origin-Opener-Policy"] = "same-origin";
            return new RazorComponentResult(page, parameters)
            {
                StatusCode = status,
                PreventStreamingRendering = true,
            }.ExecuteAsync(httpContext);
        }
    }
}
