using Exact.Api.Access;
using Exact.Api.Http;
using Exact.Api.Operations;
using Exact.Api.Transfers;
using Exact.Api.Transfers.Unpacking;
using Exact.Infrastructure;
using Exact.Infrastructure.Accounts;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Files;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Operations;
using FluentValidation;
using FluentValidation.Results;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Primitives;
using Npgsql;

namespace Exact.Api;

/// <summary>Turns exceptions into RFC 9457 problem documents.</summary>
internal static partial class Problems
{
    public static IServiceCollection AddProblems(this IServiceCollection services)
    {
        services.ConfigureHttpJsonOptions(json => Json.Configure(json.SerializerOptions));
        // A parameter that cannot be bound is an exception in every environment, so that it gets its problem document here.
        services.Configure<RouteHandlerOptions>(routing => routing.ThrowOnBadRequest = true);
        services.AddProblemDetails(problems => problems.CustomizeProblemDetails = BareProblems.Complete);
        ValidationSentences.Use();
        services.AddSingleton<RepeatedLines>();
        services.AddExceptionHandler<ProblemWriter>();
        // Only a bare 500 is logged as an unhandled exception.
        services.Configure<ExceptionHandlerOptions>(handler =>
            handler.SuppressDiagnosticsCallback = context =>
                context.HttpContext.Response.StatusCode != StatusCodes.Status500InternalServerError
        );
        return services;
    }

    public static void UseProblems(this WebApplication app)
    {
        app.UseExceptionHandler();
        app.UseStatusCodePages(); // gives a bare 401 or 404 a problem document
        app.UseRepeatedReads();
    }

    private sealed partial class ProblemWriter(
        IProblemDetailsService problems,
        RepeatedLines lines,
        SchemaWatch watch,
        ILogger<ProblemWriter> logger
    ) : IExceptionHandler
    {
        public ValueTask<bool> TryHandleAsync(
            HttpContext httpContext,
            Exception exception,
            CancellationToken cancellationToken
        )
        {
            watch.Doubt(exception);
            var problem = Describe(httpContext, exception);
            var response = httpContext.Response;
            response.StatusCode = problem.Status!.Value;
            response.Headers.RetryAfter = problem.Status switch
            {
                _ when exception is TooManyPasswordsException => "1",
                StatusCodes.Status503ServiceUnavailable => "5",
                StatusCodes.Status507InsufficientStorage => "60",
                _ => default(StringValues),
            };
            if (PostgresErrors.FaultOf(exception) is not null)
            {
                Log(httpContext, exception);
                httpContext.RequestServices.GetRequiredService<NpgsqlDataSource>().ForgetLost(exception);
            }

            if (OperationJournal.OperationOf(exception) is { } operation)
            {
                var address = OperationEndpoints.AddressOf(httpContext, operation);
                response.Headers.Location = address;
                problem.Extensions["operation"] = address;
            }

            return problems.TryWriteAsync(new() { HttpContext = httpContext, ProblemDetails = problem });
        }

        /// <summary>Tells only administrators what went wrong in the database.</summary>
        private static ProblemDetails Describe(HttpContext context, Exception exception) =>
            exception switch
            {
                FormPartException e => new HttpValidationProblemDetails(
                    new Dictionary<string, string[]> { [e.Name] = [e.Message] }
                )
                {
                    Status = e.StatusCode,
                },
                BadHttpRequestException e => BodyProblems.Describe(context, e)
                    ?? new ProblemDetails { Status = e.StatusCode, Detail = e.Message },
                UnreadableFileException e => new ProblemDetails
                {
                    Status = StatusCodes.Status400BadRequest,
                    Title = "The file cannot be unpacked.",
                    Detail = e.Message,
                },
                FileTooLargeException e => new ProblemDetails
                {
                    Status = StatusCodes.Status413PayloadTooLarge,
                    Detail = e.Message,
                },
                SpoolException e => new ProblemDetails
                {
                    Status = StatusCodes.Status507InsufficientStorage,
                    Detail = e.Message,
                },
                ValidationException e => new HttpValidationProblemDetails(new ValidationResult(e.Errors).ToErrors())
                {
                    Status = StatusCodes.Status400BadRequest,
                },
                StoredFileTooLargeException e => new ProblemDetails
                {
                    Status = StatusCodes.Status413PayloadTooLarge,
                    Detail = e.Message,
                },
                FileStoreException e => new ProblemDetails
                {
                    Status = StatusCodes.Status503ServiceUnavailable,
                    Title = "The file store cannot be used.",
                    Detail = context.User.IsAdmin() ? e.Message : "An administrator must correct this.",
                },
                FileMissingException e => new ProblemDetails
                {
                    Status = StatusCodes.Status404NotFound,
                    Title = "The file is missing.",
                    Detail = context.User.IsAdmin() ? e.Message : "An administrator must restore it.",
                },
                OperationCancelledException e => new ProblemDetails
                {
                    Status = StatusCodes.Status409Conflict,
                    Title = "The operation was cancelled.",
                    Detail = e.Message,
                },
                MigrationRefusedException e => new ProblemDetails
                {
                    Status = StatusCodes.Status503ServiceUnavailable,
                    Title = "The database cannot be migrated by this service.",
                    Detail = context.User.IsAdmin() ? e.Message : null,
                },
                _ when RowSecurity.TableOf(exception) is { } table => new ProblemDetails
                {
                    Status = StatusCodes.Status503ServiceUnavailable,
                    Title = $"Row security is switched on for {table}.",
                    Detail =
                        "It would hide rows from this answer. "
                        + (
                            context.User.IsAdmin()
                                ? $"Switch it off: {RowSecurity.Disable(table)}"
                                : "An administrator must switch it off."
                        ),
                },
                TooManyPasswordsException e => new ProblemDetails
                {
                    Status = StatusCodes.Status503ServiceUnavailable,
                    Title = "Too many people are signing in.",
                    Detail = e.Message,
                },
                NoTurnException e => new ProblemDetails
                {
                    Status = StatusCodes.Status503ServiceUnavailable,
                    Title = "Too many imports and exports are running.",
                    Detail = e.Message,
                },
                CommitInDoubtException e => new ProblemDetails
                {
                    Status = StatusCodes.Status503ServiceUnavailable,
                    Title = "It is not known whether the changes were committed.",
                    Detail = e.Message,
                },
                _ => DatabaseProblems.Describe(context, exception)
                    ?? new ProblemDetails { Status = StatusCodes.Status500InternalServerError },
            };

        /// <summary>Writes one line, without a stack trace, because the cause is not in this program.</summary>
        private void Log(HttpContext context, Exception exception)
        {
            var endpoint = context.Features.Get<IExceptionHandlerFeature>()?.Endpoint as RouteEndpoint;
            var request =
                $"{context.Request.Method} {endpoint?.RoutePattern.RawText?.TrimEnd('/') ?? "of an unknown route"}";
            var cause = exception.Cause();
            if (lines.Count($"{request} {PostgresErrors.KindOf(exception)}") is > 0 and var count)
            {
                if (RowSecurity.TableOf(exception) is { } table)
                {
                    LogRowSecurity(table);
                }
                else
                {
                    LogDatabase(request, cause, count);
                }
            }
        }

        [LoggerMessage(
            1401,
            LogLevel.Error,
            "A request failed, because row security on {Table} would hide rows. Run \"status\" to see how to switch it off"
        )]
        private partial void LogRowSecurity(string table);

        [LoggerMessage(
            1402,
            LogLevel.Error,
            "The database failed {Request}: {Cause} ({Count} since the last such line)"
        )]
        private partial void LogDatabase(string request, string cause, long count);
    }
}
