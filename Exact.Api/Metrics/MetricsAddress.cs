using Exact.Infrastructure;

namespace Exact.Api.Metrics;

/// <summary>The settings of the metrics.</summary>
[Section("Metrics")]
internal sealed class MetricsOptions
{
    /// <summary>Where Prometheus finds <c>/metrics</c>, such as <c>http://127.0.0.1:9464</c>; none by default.</summary>
    public string? Url { get; set; }
}

/// <summary>
/// Serves <c>/metrics</c> for Prometheus at an address of its own, which no proxy publishes
/// (docs/decisions/metrics-address.md).
/// </summary>
internal static class MetricsAddress
{
    private const string Path = "/metrics";

    /// <summary>Lets the server listen there, too.</summary>
    /// <returns>Whether the address is configured.</returns>
    public static bool AddMetricsAddress(this WebApplicationBuilder builder)
    {
        var configuration = builder.Configuration;
        if (UrlOf(configuration) is not { } url)
        {
            return false;
        }

        // Kestrel has several settings for its addresses, and takes the first of them that there is.
        if (configuration.GetSection("Kestrel:Endpoints").GetChildren().Any())
        {
            configuration["Kestrel:Endpoints:Metrics:Url"] = url;
            return true;
        }

        var urls = configuration[WebHostDefaults.ServerUrlsKey] is { Length: > 0 } configured
            ? configured
            : string.Join(
                ';',
                PortsOf(configuration, "http")
                    .Concat(PortsOf(configuration, "https"))
                    .DefaultIfEmpty("http://localhost:5000")
            );
        builder.WebHost.UseUrls($"{urls};{url}");
        return true;
    }

    /// <summary>Answers there with the metrics and the health only, and nowhere else with the metrics.</summary>
    public static void UseMetrics(this WebApplication app)
    {
        if (UrlOf(app.Configuration) is not { } url)
        {
            return;
        }

        var port = BindingAddress.Parse(url).Port;
        app.UseWhen(
            context => context.Connection.LocalPort == port,
            metrics =>
            {
                metrics.UseOpenTelemetryPrometheusScrapingEndpoint(context => context.Request.Path == Path);
                metrics.Use(
                    (context, next) =>
                    {
                        if (context.Request.Path.StartsWithSegments("/health"))
                        {
                            return next(context);
                        }

                        context.Response.StatusCode = StatusCodes.Status404NotFound;
                        return Task.CompletedTask;
                    }
                );
            }
        );
    }

    private static string? UrlOf(IConfiguration configuration) =>
        configuration["Metrics:Url"]?.Trim() is { Length: > 0 } url ? url : null;

    private static IEnumerable<string> PortsOf(IConfiguration configuration, string scheme) =>
        (configuration[$"{scheme}_ports"] ?? "")
            .Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(port => $"{scheme}://*:{port}");
}
