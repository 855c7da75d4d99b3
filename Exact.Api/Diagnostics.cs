using Exact.Api.Startup;
using Exact.Infrastructure;
using Exact.Infrastructure.Migrating;
using Microsoft.Extensions.Logging.Console;
using Npgsql;
using OpenTelemetry;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Exact.Api;

/// <summary>What an operator sees from outside: logs, OpenTelemetry and health.</summary>
internal static class Diagnostics
{
    /// <summary>Logs go to stderr, a line each: stdout belongs to the data of commands such as <c>export</c>.</summary>
    public static void AddDiagnostics(this WebApplicationBuilder builder)
    {
        builder.Logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
            console.UseUtcTimestamp = true;
        });
        builder.Services.Configure<ConsoleLoggerOptions>(console =>
            console.LogToStandardErrorThreshold = LogLevel.Trace
        );

        var telemetry = builder
            .Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("exact", serviceVersion: Product.Version))
            .WithTracing(tracing => tracing.AddSource(Telemetry.Name).AddAspNetCoreInstrumentation().AddNpgsql())
            .WithMetrics(metrics =>
                metrics.AddMeter(Telemetry.Name, "Npgsql", "Microsoft.AspNetCore.Hosting", "System.Runtime")
            );
        if (builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"] is { Length: > 0 })
        {
            telemetry.UseOtlpExporter();
        }
    }

    /// <summary><c>/health/live</c>: the process runs. <c>/health/ready</c>: the schema is there, business may come.</summary>
    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/health").WithTags("Health").AvailableAtAnyTime();
        group.MapGet("/live", () => TypedResults.Text("live")).WithSummary("Whether the process runs");
        group.MapGet("/ready", GetReady).WithSummary("Whether the schema is ready").ProducesProblem(503);
    }

    private static IResult GetReady(SchemaState state) =>
        state.IsReady ? TypedResults.Text("ready") : ReadinessGate.NotReady(state.Current);
}
