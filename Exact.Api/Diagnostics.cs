using Exact.Api.Startup;
using Exact.Infrastructure;
using Exact.Infrastructure.Migrating;
using Microsoft.Extensions.Logging.Console;
using Npgsql;
using OpenTelemetry;
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
    /// <summary>Logs to stderr, one line per event, because stdout is for the data of commands such as <c>export</c>.</summary>
    public static void AddDiagnostics(this WebApplicationBuilder builder)
    {
        builder.Logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
            console.UseUtcTimestamp = true;
            // The framework looks at stdout, where the log does not go.
            console.ColorBehavior = Console.IsErrorRedirected
                ? LoggerColorBehavior.Disabled
                : LoggerColorBehavior.Default;
        });
        builder.Logging.AddConsoleFormatter<ShortConsole, ConsoleFormatterOptions>();
        builder.Services.Configure<ConsoleLoggerOptions>(console =>
        {
            console.LogToStandardErrorThreshold = LogLevel.Trace;
            console.FormatterName = builder.Environment.IsDevelopment()
                ? ShortConsole.FormatterName
                : ConsoleFormatterNames.Simple;
        });

        // Without an exporter, each request would make spans for nobody.
        if (builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"] is { Length: > 0 })
        {
            builder
                .Services.AddOpenTelemetry()
                .ConfigureResource(resource => resource.AddService("exact", serviceVersion: Product.Version))
                .WithTracing(tracing => tracing.AddSource(Telemetry.Name).AddAspNetCoreInstrumentation().AddNpgsql())
                .WithMetrics(metrics =>
                    metrics.AddMeter(Telemetry.Name, "Npgsql", "Microsoft.AspNetCore.Hosting", "System.Runtime")
                )
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

    private static async Task<IResult> GetReadyAsync(SchemaWatch watch, CancellationToken cancellationToken) =>
        await watch.AskAsync(cancellationToken) is { Phase: not SchemaPhase.Ready } progress
            ? ReadinessGate.NotReady(progress)
            : TypedResults.Text("ready");
}
