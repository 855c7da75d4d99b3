using Exact.Api.Admin;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Operations;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;

namespace Exact.Api;

/// <summary>Turns what went wrong into an RFC 9457 problem document, in one place.</summary>
internal static partial class Problems
{
    public static IServiceCollection AddProblems(this IServiceCollection services)
    {
        services.ConfigureHttpJsonOptions(json => Json.Configure(json.SerializerOptions));
        // A value that cannot be bound arrives here as an exception, in every environment.
        services.Configure<RouteHandlerOptions>(routing => routing.ThrowOnBadRequest = true);
        services.AddProblemDetails();
        services.AddExceptionHandler<ProblemWriter>();
        // What has a problem document counts as handled, and is not logged. Nobody has handled what became a bare 500.
        services.Configure<ExceptionHandlerOptions>(handler =>
            handler.SuppressDiagnosticsCallback = context =>
                context.HttpContext.Response.StatusCode != StatusCodes.Status500InternalServerError
        );
        return services;
    }

    public static void UseProblems(this WebApplication app)
    {
        app.UseExceptionHandler();
        app.UseStatusCodePages(); // a bare 401 or 404 gets a problem document, too
    }

    private sealed partial class ProblemWriter(IProblemDetailsService problems, ILogger<ProblemWriter> logger)
        : IExceptionHandler
    {
        public ValueTask<bool> TryHandleAsync(
            HttpContext httpContext,
            Exception exception,
            CancellationToken cancellationToken
        )
        {
            var problem = Describe(httpContext, exception);
            if (RowSecurity.TableOf(exception) is { } table)
            {
                LogRowSecurity(table);
            }

            httpContext.Response.StatusCode = problem.Status!.Value;
            if (problem.Status is StatusCodes.Status503ServiceUnavailable)
            {
                httpContext.Response.Headers.RetryAfter = "5";
            }

            return problems.TryWriteAsync(new() { HttpContext = httpContext, ProblemDetails = problem });
        }

        /// <summary>Only administrators are told what went wrong in the database.</summary>
        private static ProblemDetails Describe(HttpContext context, Exception exception) =>
            exception switch
            {
                BadHttpRequestException when Unbound(context) is { Count: > 0 } errors =>
                    new HttpValidationProblemDetails(errors) { Status = StatusCodes.Status400BadRequest },
                BadHttpRequestException e => new ProblemDetails { Status = e.StatusCode, Detail = e.Message },
                OperationCancelledException e => new ProblemDetails
                {
                    Status = StatusCodes.Status409Conflict,
                    Title = "It was cancelled.",
                    Detail = e.Message,
                },
                MigrationRefusedException e => new ProblemDetails
                {
                    Status = StatusCodes.Status503ServiceUnavailable,
                    Title = "The database cannot be migrated from here.",
                    Detail = context.User.IsAdmin() ? e.Message : null,
                },
                _ when RowSecurity.TableOf(exception) is { } table => new ProblemDetails
                {
                    Status = StatusCodes.Status503ServiceUnavailable,
                    Title = $"Row security is switched on for {table}.",
                    Detail =
                        "It would hide rows from this answer, so there is none. "
                        + (
                            context.User.IsAdmin()
                                ? $"Switch it off: {RowSecurity.Disable(table)}"
                                : "An administrator has to switch it off."
                        ),
                },
                _ when PostgresErrors.IsServerAway(exception) => new ProblemDetails
                {
                    Status = StatusCodes.Status503ServiceUnavailable,
                    Title = "The database does not answer.",
                },
                _ => new ProblemDetails { Status = StatusCodes.Status500InternalServerError },
            };

        /// <summary>The query values that the endpoint's parameters could not take, with what they would take.</summary>
        private static Dictionary<string, string[]> Unbound(HttpContext context)
        {
            var errors = new Dictionary<string, string[]>();
            foreach (var (name, type) in QueryParameters.Of(context.Features.Get<IExceptionHandlerFeature>()?.Endpoint))
            {
                if (context.Request.Query[name].LastOrDefault() is { } value && Misfit(value, type) is { } misfit)
                {
                    errors[name] = [misfit];
                }
            }

            return errors;
        }

        [LoggerMessage(
            LogLevel.Error,
            "Row security is switched on for {Table} and would hide rows, so a request failed; \"status\" has the way out"
        )]
        private partial void LogRowSecurity(string table);

        private static string? Misfit(string value, Type type) =>
            Choice.NamesOf(type) is { } names && !names.Contains(value)
                ? $"\"{value}\" is none of: {string.Join(", ", names)}."
            : type == typeof(int) && !int.TryParse(value, out _) ? $"\"{value}\" is not a whole number."
            : type == typeof(bool) && !bool.TryParse(value, out _) ? $"\"{value}\" is neither true nor false."
            : null;
    }
}
