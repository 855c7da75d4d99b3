using Exact.Api.Access;
using Exact.Api.Accounts;
using Exact.Api.Files;
using Exact.Api.Http;
using Exact.Infrastructure.Submissions;
using FluentValidation;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Exact.Api.Submissions;

/// <summary>What workers call: claim a submission, download its files, and report (docs/evaluation.md).</summary>
internal static class WorkerEndpoints
{
    private const int MaxBody = 1024 * 1024;

    public static IServiceCollection AddSubmissions(this IServiceCollection services)
    {
        services.AddValidatorsFromAssemblyContaining<ClaimValidator>(
            ServiceLifetime.Singleton,
            found => found.ValidatorType.Namespace == typeof(ClaimValidator).Namespace,
            includeInternalTypes: true
        );
        return services.AddScoped<WorkerService>().AddScoped<SubmissionService>();
    }

    public static void MapWorker(this IEndpointRouteBuilder routes)
    {
        var group = routes
            .MapGroup("/api/worker")
            .WithTags("Worker")
            .WithMetadata(new RequestSizeLimitAttribute(MaxBody))
            .WithMetadata(new TooLargeAdvice($"Cut the log: only its last {LogText.MaxLength} characters are kept."))
            .Validated();
        group
            .MapPost("/claim", ClaimAsync)
            .WithSummary("Claim the next submission, and wait for one if `wait` says so")
            .ForWorkers();
        var submission = group.MapGroup("/submissions/{id:long}");
        submission
            .MapPost("/heartbeat", HeartbeatAsync)
            .WithSummary("Keep a submission")
            .ForWorkers()
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);
        submission
            .MapPost("/complete", CompleteAsync)
            .WithSummary("Store the result; the same result may be sent again")
            .ForReports();
        submission
            .MapPost("/fail", FailAsync)
            .WithSummary("Report that the method, or the machine, has failed")
            .ForReports();
        submission
            .MapGet("/files/{file}", DownloadAsync)
            .WithSummary("Download a file of a claimed submission: method, dataset, mlmodel or xaimethod")
            .ForCallers(Scopes.Evaluate)
            .ProducesFile();
        submission.MapPost("/release", ReleaseAsync).WithSummary("Give a submission back to the queue").ForReports();
    }

    private static RouteHandlerBuilder ForWorkers(this RouteHandlerBuilder endpoint) =>
        endpoint
            .ForCallers(Scopes.Evaluate)
            .ProducesValidationProblem()
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType);

    private static void ForReports(this RouteHandlerBuilder endpoint) =>
        endpoint
            .ForWorkers()
            .Produces(StatusCodes.Status200OK)
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);

    private static async Task<Results<Ok<ClaimResponse>, NoContent>> ClaimAsync(
        ClaimRequest request,
        WorkerService workers,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        var worker = request.Worker ?? context.User.Identity!.Name!;
        if (await workers.ClaimAsync(request, worker, cancellationToken) is not { } claim)
        {
            return TypedResults.NoContent();
        }

        var path = $"{context.Request.PathBase}/api/worker/submissions/{claim.SubmissionId}/files";
        var (challenge, files) = await workers.DescribeAsync(claim, path, cancellationToken);
        return TypedResults.Ok(
            new ClaimResponse
            {
                SubmissionId = claim.SubmissionId,
                Lease = claim.Lease,
                LeaseUntil = claim.LeaseUntil,
                HeartbeatSeconds = workers.HeartbeatSeconds,
                Attempt = claim.Attempt,
                Metrics = claim.Metrics,
                Username = claim.Username,
                MethodName = claim.MethodName,
                Challenge = challenge,
                Files = files,
            }
        );
    }

    private static async Task<Results<Ok<LeaseResponse>, NotFound, ProblemHttpResult>> HeartbeatAsync(
        long id,
        HeartbeatRequest request,
        SubmissionQueue queue,
        WorkerService workers,
        CancellationToken cancellationToken
    )
    {
        var (answer, until) = await queue.HeartbeatAsync(id, request.Lease, cancellationToken);
        return answer switch
        {
            LeaseAnswer.Done => TypedResults.Ok(
                new LeaseResponse { LeaseUntil = until, HeartbeatSeconds = workers.HeartbeatSeconds }
            ),
            LeaseAnswer.Stale => Stale(),
            _ => TypedResults.NotFound(),
        };
    }

    private static async Task<Results<Ok, NotFound, ProblemHttpResult>> CompleteAsync(
        long id,
        CompleteRequest request,
        SubmissionQueue queue
    ) =>
        Answer(
            await queue.CompleteAsync(
                id,
                request.Lease,
                new(request.EmdScore, request.EmdStd, request.ImaScore, request.ImaStd),
                request.Log,
                CancellationToken.None
            )
        );

    private static async Task<Results<Ok, NotFound, ProblemHttpResult>> FailAsync(
        long id,
        FailRequest request,
        SubmissionQueue queue
    ) =>
        Answer(
            await (
                request.Infrastructure
                    ? queue.ReleaseAsync(id, request.Lease, request.Error, request.Log, CancellationToken.None)
                    : queue.FailAsync(id, request.Lease, request.Error, request.Log, CancellationToken.None)
            )
        );

    private static async Task<Results<Ok, NotFound, ProblemHttpResult>> ReleaseAsync(
        long id,
        ReleaseRequest request,
        SubmissionQueue queue
    ) => Answer(await queue.ReleaseAsync(id, request.Lease, null, request.Log, CancellationToken.None));

    private static async Task<Results<FileStreamHttpResult, NotFound>> DownloadAsync(
        long id,
        string file,
        WorkerService workers,
        StoredFiles files,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        if (await workers.FindFileAsync(id, file, cancellationToken) is not { } found)
        {
            return TypedResults.NotFound();
        }

        var (row, content) = await files.OpenAsync(found.Key, cancellationToken);
        return StoredFiles.Attachment(context, row, content);
    }

    private static Results<Ok, NotFound, ProblemHttpResult> Answer(LeaseAnswer answer) =>
        answer switch
        {
            LeaseAnswer.Done => TypedResults.Ok(),
            LeaseAnswer.Stale => Stale(),
            _ => TypedResults.NotFound(),
        };

    private static ProblemHttpResult Stale() =>
        TypedResults.Problem(
            statusCode: StatusCodes.Status409Conflict,
            title: "The lease is not valid any more.",
            detail: "The submission has ended, or was given to another worker. Nothing was changed. Stop, and claim again."
        );
}
