using Exact.Api.Access;
using Exact.Infrastructure.Migrating;

namespace Exact.Api.Startup;

/// <summary>Answers 503 with the progress while the schema is not ready, except at marked endpoints.</summary>
internal static class ReadinessGate
{
    private const int RetryAfterSeconds = 2;

    public static void UseReadinessGate(this WebApplication app)
    {
        var state = app.Services.GetRequiredService<SchemaState>();
        app.Use(
            (context, next) =>
                state.IsOpen || context.GetEndpoint() is not { } endpoint || IsAvailable(endpoint)
                    ? next(context)
                    : NotReady(state.Current).ExecuteAsync(context)
        );
    }

    /// <summary>Marks endpoints that need no schema.</summary>
    public static T AvailableAtAnyTime<T>(this T endpoints)
        where T : IEndpointConventionBuilder => endpoints.WithMetadata(AtAnyTime.Mark);

    /// <summary>The answer while the schema is not ready.</summary>
    public static IResult NotReady(SchemaProgress progress) => new RetryLater(progress);

    /// <summary>A phase in a sentence for everyone.</summary>
    public static string Describe(SchemaPhase phase) =>
        phase switch
        {
            SchemaPhase.WaitingForServer => "The service is waiting for its database.",
            SchemaPhase.WaitingForLock => "Another replica is migrating the database.",
            SchemaPhase.WaitingForMigrations => "The service is waiting for someone to migrate the database.",
            SchemaPhase.Migrating => "The service is migrating the database.",
            SchemaPhase.Away => "The database does not answer.",
            SchemaPhase.Refused => "The database cannot serve the service. The log says why.",
            SchemaPhase.Stopping => "The service is stopping.",
            SchemaPhase.Failed => "The service cannot start. Its log says why.",
            _ => "The service is starting.",
        };

    private static bool IsAvailable(Endpoint endpoint) => endpoint.Metadata.GetMetadata<AtAnyTime>() is not null;

    private sealed class AtAnyTime
    {
        public static readonly AtAnyTime Mark = new();
    }

    /// <summary>Tells everyone the phase, and only administrators the detail, which names hosts and roles.</summary>
    private sealed class RetryLater(SchemaProgress progress) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            var mayKnow = httpContext.User.IsAdmin();
            httpContext.Response.Headers.RetryAfter = $"{RetryAfterSeconds}";
            return TypedResults
                .Problem(
                    title: "The database schema is not ready yet.",
                    detail: mayKnow ? progress.Detail : Describe(progress.Phase),
                    statusCode: StatusCodes.Status503ServiceUnavailable,
                    extensions: new Dictionary<string, object?>
                    {
                        ["progress"] = mayKnow ? progress : new { progress.Phase },
                    }
                )
                .ExecuteAsync(httpContext);
        }
    }
}
