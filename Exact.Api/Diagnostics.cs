using Exact.Api.Metrics;
using Exact.Api.Startup;
using Exact.Infrastructure;
using Exact.Infrastructure.Migrating;
using Microsoft.Extensions.Logging.Console;
using Npgsql;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Exact.Api;

/// <summary>What an operator sees: logs, OpenTelemetry and health.</summary>
/// <remarks>
/// The ids of log events are stable. Exact.Api has 1000 to 1999: 10xx for the start, 11xx for access, 12xx for
/// transfers, 13xx for the command line, 14xx for requests, 15xx for challenges, 16xx for the worker,
/// 17xx for the console.
/// Exact.Infrastructure has 2000 to 2999. A new event takes the next free number, and no number is used again.
/// </remarks>
internal static class Diagnostics
{
    private const string Timestamp = "yyyy-MM-ddTHH:mm:ss.fffZ ";

    private static readonly string[] Meters =
    [
        Telemetry.Name,
        "Npgsql",
        "Microsoft.AspNetCore.Hosting",
        "Microsoft.AspNetCore.RateLimiting",
        "Microsoft.AspNetCore.Server.Kestrel",
        "System.Runtime",
    ];

    /// <summary>
    /// Logs to stderr, one line per event, because stdout is for the data of commands such as <c>export</c>.
    /// </summary>
    public static void AddDiagnostics(this WebApplicationBuilder builder, string[] args)
    {
        builder.Logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = Timestamp;
            console.UseUtcTimestamp = true;
            // The framework looks at stdout, where the log does not go.
            console.ColorBehavior = Console.IsErrorRedirected
                ? LoggerColorBehavior.Disabled
                : LoggerColorBehavior.Default;
        });
        builder.Logging.AddJsonConsole(console =>
        {
            console.IncludeScopes = true; // they have the trace id
            console.TimestampFormat = Timestamp.TrimEnd();
            console.UseUtcTimestamp = true;
        });
        builder.Logging.AddConsoleFormatter<ShortConsole, ConsoleFormatterOptions>();
        builder.Services.Configure<ConsoleLoggerOptions>(console =>
        {
            console.LogToStandardErrorThreshold = LogLevel.Trace;
            console.FormatterName = builder.Configuration[HostSettings.LogFormat] is { Length: > 0 } chosen
                ? chosen.ToLowerInvariant()
                : DefaultFormat(builder.Environment, args);
        });
        builder.AddTelemetry();
    }

    /// <summary>Programs read the log of a service in Production; people read every other.</summary>
    private static string DefaultFormat(IHostEnvironment environment, string[] args) =>
        environment.IsDevelopment() ? ShortConsole.FormatterName
        : args is [var first, ..] && !first.StartsWith('-') ? ConsoleFormatterNames.Simple
        : ConsoleFormatterNames.Json;

    /// <summary>Collects spans and metrics if something takes them: each request would make them for nobody.</summary>
    private static void AddTelemetry(this WebApplicationBuilder builder)
    {
        builder.Services.AddSettings<MetricsOptions>();
        var isPushed = builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"] is { Length: > 0 };
        var isPulled = builder.AddMetricsAddress();
        if (!isPushed && !isPulled)
        {
            return;
        }

        builder.Services.AddHostedService<PeriodicGauges>();
        var telemetry = builder
            .Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("exact", serviceVersion: Product.Version))
            .WithMetrics(metrics =>
            {
                metrics.AddMeter(Meters);
                if (isPulled)
                {
                    metrics.AddPrometheusExporter();
                }
            });
        if (isPushed)
        {
            telemetry
                .WithTracing(tracing => tracing.AddSource(Telemetry.Name).AddAspNetCoreInstrumentation().AddNpgsql())
                .UseOtlpExporter();
        }
    }

    /// <summary>
    /// Maps <c>/health/live</c>, whether the process runs, and <c>/health/ready</c>, whether a request would be served.
    /// </summary>
    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/health").WithTags("Health").AvailableAtAnyTime();
        group
            .MapGet("/live", () => TypedResults.Text("live"))
            .WithSummary("Check whether the process runs")
            .ProducesText("text/plain", "live");
        group
            .MapGet("/ready", GetReadyAsync)
            .WithSummary("Check whether a request would be served")
            .ProducesText("text/plain", "ready")
            .ProducesProblem(503);
    }

    private static async Task<IResult> GetReadyAsync(
        SchemaWatch watch,
        IHostApplicationLifetime lifetime,
        CancellationToken cancellationToken
    ) =>
        lifetime.ApplicationStopping.IsCancellationRequested ? ReadinessGate.NotReady(SchemaProgress.Stops)
        : await watch.AskAsync(cancellationToken) is { Phase: not SchemaPhase.Ready } progress
            ? ReadinessGate.NotReady(progress)
        : TypedResults.Text("ready");
}
