using System.Text.Json.Nodes;
using Exact.Api.Access;
using Exact.Api.Http;
using Exact.Api.Operations;
using Exact.Api.Transfers.Unpacking;
using Exact.Infrastructure;
using Exact.Infrastructure.Operations;
using Exact.Infrastructure.Transfer.Django;
using Exact.Infrastructure.Transfer.Exporting;
using Exact.Infrastructure.Transfer.Importing;
using FluentValidation;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;

namespace Exact.Api.Transfers;

/// <summary>Imports and exports backups as Django fixtures.</summary>
internal static class TransferEndpoints
{
    private const string RespondAsync = "respond-async";

    /// <summary>A small backup, for the OpenAPI document.</summary>
    private const string FixtureExample = """
        [{"model": "api.challenge", "pk": 1, "fields": {"challenge_id": "tetris-saliency", "title": "Tetris saliency",
        "description": "", "created_by": "ada", "created_at": "2026-11-26T09:00:00Z", "closes_on": null,
        "dataset": "", "mlmodel": "", "xaimethod": ""}}]
        """;

    public static IServiceCollection AddTransfers(this IServiceCollection services)
    {
        services.AddSettings<TransferOptions>();
        services.AddSingleton<IValidator<ImportQuery>, ImportQueryValidator>();
        services.AddSingleton<BackgroundImports>();
        services.AddHostedService(provider => provider.GetRequiredService<BackgroundImports>());
        services.AddSingleton<IMemoryPoolFactory<byte>, ConnectionBuffers>();
        return services.AddSingleton<TransferService>();
    }

    public static void MapTransfers(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapAdminGroup("").Validated().TakesLong();
        group
            .MapPost("/import", ImportAsync)
            .WithSummary("Import a fixture, all of it or nothing")
            .AddOpenApiOperationTransformer(DescribeUpload)
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status408RequestTimeout)
            .ProducesProblem(StatusCodes.Status409Conflict)
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType)
            .ProducesProblem(StatusCodes.Status422UnprocessableEntity)
            .ProducesProblem(StatusCodes.Status507InsufficientStorage);
        group
            .MapPost("/import/django", ImportFromDjangoAsync)
            .WithSummary("Import the live Django database that Transfers:Django names, all of it or nothing")
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status403Forbidden)
            .ProducesProblem(StatusCodes.Status409Conflict)
            .ProducesProblem(StatusCodes.Status422UnprocessableEntity)
            .ProducesProblem(StatusCodes.Status502BadGateway);
        var export = routes.MapAdminGroup("/export", Scopes.Backup).Validated().TakesLong();
        export
            .MapGet("/", ExportAsync)
            .WithSummary("Export everything or a selection as a fixture")
            .ProducesText("application/json", JsonNode.Parse(FixtureExample)!)
            .ProducesText(AllRows.Lines, $"{JsonNode.Parse(FixtureExample)![0]!.ToJsonString()}\n")
            .ProducesValidationProblem();
        export
            .MapGet("/manifest", DescribeAsync)
            .WithSummary("Get the records, bytes and SHA-256 of each model that an export would contain")
            .ProducesValidationProblem();
    }

    private static async Task<Results<Ok<ImportReport>, Accepted<OperationResponse>, ProblemHttpResult>> ImportAsync(
        HttpContext context,
        [AsParameters] ImportQuery query,
        TransferService transfers,
        OperationService operations,
        OperationJournal journal,
        IOptions<TransferOptions> settings,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        if (Upload.Refuse(context) is { } refusal)
        {
            return refusal;
        }

        var actor = context.User.Identity!.Name!;
        var isLater = PrefersAsync(context.Request);
        if (isLater && await journal.FindHolderAsync(FixtureImporter.Lock, cancellationToken) is { } running)
        {
            return ImportProblems.AlreadyRunning(context, running);
        }

        // PacedBody enforces both limits. After its refusal Kestrel reads on, so that the client can read the answer.
        context.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize = null;
        context.Features.Get<IHttpMinRequestBodyDataRateFeature>()?.MinDataRate = null;
        var maxBytes = settings.Value.MaxBytes;
        if (context.Request.ContentLength > maxBytes)
        {
            throw FileTooLargeException.Above(maxBytes);
        }

        var pace = isLater ? Pace.Background : Pace.Direct;
        await using var body = new PacedBody(context.Request.BodyReader, pace, maxBytes, time);
        await body.BeginAsync(cancellationToken); // before that, the upload holds no connection to the database
        var (content, packing) = await Upload.OpenAsync(context.Request, body, cancellationToken);
        var options = query.ToOptions() with { Encoding = content.Encoding };
        if (isLater)
        {
            var id = await transfers.StartImportAsync(content, packing, options, actor, cancellationToken);
            return await AcceptAsync(context, id, operations, cancellationToken);
        }

        await using var fixture = new FixtureStream(content, packing, maxBytes);
        var outcome = await transfers.ImportAsync(fixture, options, actor, cancellationToken);
        return outcome is ImportOutcome.Stalled stalled
            ? ImportProblems.UploadStalled(stalled)
            : await AnswerAsync(context, outcome, journal, cancellationToken);
    }

    /// <summary>The operator, not the caller, says which database the service connects to.</summary>
    private static async Task<
        Results<Ok<ImportReport>, Accepted<OperationResponse>, ProblemHttpResult>
    > ImportFromDjangoAsync(
        HttpContext context,
        [AsParameters] ImportQuery query,
        TransferService transfers,
        OperationService operations,
        OperationJournal journal,
        IOptions<TransferOptions> settings,
        CancellationToken cancellationToken
    )
    {
        if (!DjangoAddress.TryParse(settings.Value.Django, out var address))
        {
            return ImportProblems.DjangoSwitchedOff();
        }

        if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true })
        {
            return ImportProblems.DjangoTakesNoBody(address);
        }

        var actor = context.User.Identity!.Name!;
        if (PrefersAsync(context.Request))
        {
            if (await journal.FindHolderAsync(FixtureImporter.Lock, cancellationToken) is { } running)
            {
                return ImportProblems.AlreadyRunning(context, running);
            }

            var id = await transfers.StartImportFromDjangoAsync(address, query.ToOptions(), actor);
            return await AcceptAsync(context, id, operations, cancellationToken);
        }

        try
        {
            var outcome = await transfers.ImportFromDjangoAsync(address, query.ToOptions(), actor, cancellationToken);
            return await AnswerAsync(context, outcome, journal, cancellationToken);
        }
        catch (DjangoException e)
        {
            return ImportProblems.DjangoFailed(e.Message);
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
        HttpContext context,
        ImportOutcome outcome,
        OperationJournal journal,
        CancellationToken cancellationToken
    ) =>
        outcome switch
        {
            ImportOutcome.Imported imported => TypedResults.Ok(imported.Report),
            ImportOutcome.NotJson notJson => ImportProblems.NotAFixture(notJson.Error),
            ImportOutcome.Rejected rejected => ImportProblems.Rejected(rejected),
            ImportOutcome.Blocked blocked => ImportProblems.Blocked(blocked),
            ImportOutcome.Stalled stalled => ImportProblems.DjangoStalled(stalled),
            _ => ImportProblems.AlreadyRunning(
                context,
                await journal.FindHolderAsync(FixtureImporter.Lock, cancellationToken)
            ),
        };

    private static async Task<Results<ExportResult, ValidationProblem>> ExportAsync(
        [AsParameters] ExportQuery query,
        TransferService transfers,
        FixtureExporter exporter,
        CancellationToken cancellationToken
    ) =>
        await RefuseAsync(query, exporter, cancellationToken) is { } problem
            ? problem
            : new ExportResult(transfers, query.ToOptions());

    private static async Task<Results<Ok<ExportManifest>, ValidationProblem>> DescribeAsync(
        [AsParameters] ExportQuery query,
        ManifestReader manifests,
        FixtureExporter exporter,
        CancellationToken cancellationToken
    )
    {
        if (await RefuseAsync(query, exporter, cancellationToken) is { } problem)
        {
            return problem;
        }

        return TypedResults.Ok(await manifests.ReadAsync(query.ToOptions(), cancellationToken));
    }

    private static async Task<ValidationProblem?> RefuseAsync(
        ExportQuery query,
        FixtureExporter exporter,
        CancellationToken cancellationToken
    ) =>
        await exporter.FindMistakeAsync(query.ToOptions(), cancellationToken) is var (option, detail)
            ? TypedResults.ValidationProblem(new Dictionary<string, string[]> { [option] = [detail] })
            : null;

    /// <summary>Describes the body, which no parameter binds: the endpoint checks its type, to name the accepted ones.</summary>
    private static Task DescribeUpload(
        OpenApiOperation operation,
        OpenApiOperationTransformerContext context,
        CancellationToken cancellationToken
    )
    {
        operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = Upload.Types.ToDictionary(
                type => type,
                type => new OpenApiMediaType
                {
                    Schema = type is Upload.Form ? DescribeForm() : null,
                    Example = type is "application/json" ? JsonNode.Parse(FixtureExample) : null,
                }
            ),
        };
        return Task.CompletedTask;
    }

    private static OpenApiSchema DescribeForm() =>
        new()
        {
            Type = JsonSchemaType.Object,
            Properties = new Dictionary<string, IOpenApiSchema>
            {
                ["file"] = DocumentedForms.File("The fixture.", FixtureExample),
            },
        };

    /// <summary>Whether the caller prefers an early answer that says where to look (RFC 7240).</summary>
    private static bool PrefersAsync(HttpRequest request) =>
        request
            .Headers.GetCommaSeparatedValues("Prefer")
            .Any(preference =>
                preference.Split(';')[0].Trim().Equals(RespondAsync, StringComparison.OrdinalIgnoreCase)
            );
}
