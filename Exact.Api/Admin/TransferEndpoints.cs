using Exact.Infrastructure.Transfer.Django;
using Exact.Infrastructure.Transfer.Exporting;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Reading;
using FluentValidation;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;

namespace Exact.Api.Admin;

/// <summary>A backup goes in and comes out, as a Django fixture.</summary>
internal static class TransferEndpoints
{
    private const string RespondAsync = "respond-async";

    /// <summary>
    /// An upload that goes straight into the database holds the import lock, so it has to keep a pace; 64 KiB/s is half a megabit.
    /// </summary>
    private static readonly MinDataRate Pace = new(bytesPerSecond: 64 * 1024, gracePeriod: TimeSpan.FromSeconds(30));

    public static IServiceCollection AddTransfers(this IServiceCollection services)
    {
        services
            .AddOptions<TransferOptions>()
            .BindConfiguration("Transfers")
            .ValidateDataAnnotations()
            .ValidateOnStart();
        services.AddSingleton<IValidator<ImportQuery>, ImportQueryValidator>();
        services.AddSingleton<BackgroundImports>();
        services.AddHostedService(provider => provider.GetRequiredService<BackgroundImports>());
        services.AddSingleton<IMemoryPoolFactory<byte>, ConnectionBuffers>();
        return services.AddSingleton<TransferService>();
    }

    public static void MapTransfers(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapAdminGroup("").Validated();
        group
            .MapPost("/import", ImportAsync)
            .RefuseUnknownParameters()
            .WithSummary("Import a fixture: all of it, or nothing")
            .AddOpenApiOperationTransformer(DescribeUpload)
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status408RequestTimeout)
            .ProducesProblem(StatusCodes.Status409Conflict)
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType)
            .ProducesProblem(StatusCodes.Status422UnprocessableEntity);
        group
            .MapPost("/import/django", ImportFromDjangoAsync)
            .RefuseUnknownParameters()
            .WithSummary("Import what the live Django database of Transfers:Django holds: all of it, or nothing")
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status403Forbidden)
            .ProducesProblem(StatusCodes.Status409Conflict)
            .ProducesProblem(StatusCodes.Status422UnprocessableEntity)
            .ProducesProblem(StatusCodes.Status502BadGateway);
        group
            .MapGet("/export", ExportAsync)
            .RefuseUnknownParameters()
            .WithSummary("Export everything, or a part, as a fixture")
            .Produces<object>(contentType: "application/json")
            .ProducesValidationProblem();
        group
            .MapGet("/export/manifest", DescribeAsync)
            .RefuseUnknownParameters()
            .WithSummary("What an export would hold now: records, bytes and SHA-256 of each model")
            .ProducesValidationProblem();
    }

    private static async Task<Results<Ok<ImportReport>, Accepted<OperationResponse>, ProblemHttpResult>> ImportAsync(
        HttpContext context,
        [AsParameters] ImportQuery query,
        TransferService transfers,
        OperationService operations,
        IOptions<TransferOptions> limits,
        CancellationToken cancellationToken
    )
    {
        if (Upload.Refuse(context) is { } refusal)
        {
            return refusal;
        }

        var actor = context.User.Identity!.Name!;
        context.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize = limits.Value.MaxBytes;
        if (PrefersAsync(context.Request))
        {
            if (await transfers.FindImportAsync(cancellationToken) is { } running)
            {
                return AlreadyRunning(context, running);
            }

            var later = await Upload.OpenAsync(context.Request, cancellationToken);
            var id = await transfers.StartImportAsync(later, query.ToOptions(), actor, cancellationToken);
            return await AcceptAsync(context, id, operations, cancellationToken);
        }

        context.Features.Get<IHttpMinRequestBodyDataRateFeature>()?.MinDataRate = Pace;
        var upload = await Upload.OpenAsync(context.Request, cancellationToken);
        await using var fixture = upload.Unpack(limits.Value.MaxBytes);
        return await transfers.ImportAsync(fixture, query.ToOptions(), actor, cancellationToken) switch
        {
            ImportOutcome.Stalled e => TypedResults.Problem(
                statusCode: StatusCodes.Status408RequestTimeout,
                title: "The upload stopped.",
                detail: $"{e.Detail} Send it again, from such a line with the header \"Prefer: {RespondAsync}\"."
            ),
            var outcome => await AnswerAsync(outcome, context, transfers, cancellationToken),
        };
    }

    /// <summary>The caller names no database: where the service connects to is for its operator to say.</summary>
    private static async Task<
        Results<Ok<ImportReport>, Accepted<OperationResponse>, ProblemHttpResult>
    > ImportFromDjangoAsync(
        HttpContext context,
        [AsParameters] ImportQuery query,
        TransferService transfers,
        OperationService operations,
        IOptions<TransferOptions> settings,
        CancellationToken cancellationToken
    )
    {
        if (!DjangoAddress.TryParse(settings.Value.Django, out var address))
        {
            return TypedResults.Problem(
                statusCode: StatusCodes.Status403Forbidden,
                title: "Import from a live Django database is switched off.",
                detail: $"To allow it, set Transfers:Django on the server. It {DjangoAddress.Expected}."
            );
        }

        if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true })
        {
            return TypedResults.Problem(
                statusCode: StatusCodes.Status400BadRequest,
                title: "This import takes no body.",
                detail: $"It reads {address}, as Transfers:Django says. Send a fixture to /api/admin/import."
            );
        }

        var actor = context.User.Identity!.Name!;
        if (PrefersAsync(context.Request))
        {
            if (await transfers.FindImportAsync(cancellationToken) is { } running)
            {
                return AlreadyRunning(context, running);
            }

            var id = await transfers.StartImportFromDjangoAsync(address, query.ToOptions(), actor);
            return await AcceptAsync(context, id, operations, cancellationToken);
        }

        try
        {
            var outcome = await transfers.ImportFromDjangoAsync(address, query.ToOptions(), actor, cancellationToken);
            return await AnswerAsync(outcome, context, transfers, cancellationToken);
        }
        catch (DjangoException e)
        {
            return TypedResults.Problem(
                statusCode: StatusCodes.Status502BadGateway,
                title: "The Django database cannot be imported.",
                detail: e.Message
            );
        }
    }

    private static async Task<Accepted<OperationResponse>> AcceptAsync(
        HttpContext context,
        long id,
        OperationService operations,
        CancellationToken cancellationToken
    )
    {
        context.Response.Headers["Preference-Applied"] = RespondAsync;
        return TypedResults.Accepted(
            OperationEndpoints.AddressOf(context, id),
            await operations.FindAsync(id, cancellationToken)
        );
    }

    private static async Task<Results<Ok<ImportReport>, Accepted<OperationResponse>, ProblemHttpResult>> AnswerAsync(
        ImportOutcome outcome,
        HttpContext context,
        TransferService transfers,
        CancellationToken cancellationToken
    ) =>
        outcome switch
        {
            ImportOutcome.Imported imported => TypedResults.Ok(imported.Report),
            ImportOutcome.NotJson e => Refuse(400, "The file is not a fixture.", e.Error.Describe(), [e.Error], 1),
            ImportOutcome.Rejected e => Refuse(
                422,
                "The fixture has errors, so nothing was changed.",
                e.Summary,
                e.Errors,
                e.ErrorCount,
                e.Orphans
            ),
            ImportOutcome.Blocked e => TypedResults.Problem(
                statusCode: StatusCodes.Status409Conflict,
                title: "The database is busy.",
                detail: $"{e.Detail} Send this one again."
            ),
            ImportOutcome.Stalled e => TypedResults.Problem(
                statusCode: StatusCodes.Status502BadGateway,
                title: "The Django database stopped answering.",
                detail: e.Detail
            ),
            _ => AlreadyRunning(context, await transfers.FindImportAsync(cancellationToken)),
        };

    private static async Task<Results<ExportResult, ValidationProblem>> ExportAsync(
        [AsParameters] ExportQuery query,
        TransferService transfers,
        CancellationToken cancellationToken
    ) =>
        await RefuseAsync(query, transfers, cancellationToken) is { } problem
            ? problem
            : new ExportResult(transfers, query.ToOptions());

    private static async Task<Results<Ok<ExportManifest>, ValidationProblem>> DescribeAsync(
        HttpContext context,
        [AsParameters] ExportQuery query,
        TransferService transfers,
        CancellationToken cancellationToken
    )
    {
        if (await RefuseAsync(query, transfers, cancellationToken) is { } problem)
        {
            return problem;
        }

        context.Response.Headers.CacheControl = "no-store";
        return TypedResults.Ok(await transfers.DescribeAsync(query.ToOptions(), cancellationToken));
    }

    private static async Task<ValidationProblem?> RefuseAsync(
        ExportQuery query,
        TransferService transfers,
        CancellationToken cancellationToken
    ) =>
        await transfers.FindMistakeAsync(query.ToOptions(), cancellationToken) is var (option, detail)
            ? TypedResults.ValidationProblem(new Dictionary<string, string[]> { [option] = [detail] })
            : null;

    /// <summary>The types are checked by hand, so that the answer can tell which are taken; so they are described by hand, too.</summary>
    private static Task DescribeUpload(
        OpenApiOperation operation,
        OpenApiOperationTransformerContext context,
        CancellationToken cancellationToken
    )
    {
        operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = Upload.Types.ToDictionary(type => type, _ => new OpenApiMediaType()),
        };
        return Task.CompletedTask;
    }

    /// <summary>RFC 7240: the caller would rather be told where to look than wait.</summary>
    private static bool PrefersAsync(HttpRequest request) =>
        request
            .Headers.GetCommaSeparatedValues("Prefer")
            .Any(preference =>
                preference.Split(';')[0].Trim().Equals(RespondAsync, StringComparison.OrdinalIgnoreCase)
            );

    private static ProblemHttpResult AlreadyRunning(HttpContext context, long? id)
    {
        var address = id is null ? null : OperationEndpoints.AddressOf(context, id.Value);
        context.Response.Headers.Location = address;
        return TypedResults.Problem(
            statusCode: StatusCodes.Status409Conflict,
            title: "Another import is running.",
            detail: $"Wait for its end{(id is null ? "" : $", or cancel operation {id}")}, and send this one again.",
            extensions: new Dictionary<string, object?> { ["operation"] = address }
        );
    }

    private static ProblemHttpResult Refuse(
        int status,
        string title,
        string detail,
        IReadOnlyList<FixtureError> errors,
        long count,
        IReadOnlyDictionary<string, long>? orphans = null
    ) =>
        TypedResults.Problem(
            statusCode: status,
            title: title,
            detail: detail,
            extensions: new Dictionary<string, object?>
            {
                ["error_count"] = count,
                ["errors"] = errors,
                ["orphans"] = orphans is { Count: > 0 } ? orphans : null,
            }
        );
}
