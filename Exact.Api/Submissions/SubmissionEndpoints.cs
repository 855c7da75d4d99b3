using System.Security.Claims;
using Exact.Api.Access;
using Exact.Api.Accounts;
using Exact.Api.Challenges;
using Exact.Api.Files;
using Exact.Api.Http;
using Exact.Infrastructure.Files;
using FluentValidation;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.OpenApi;

namespace Exact.Api.Submissions;

/// <summary>Participants submit, and see how the evaluation goes.</summary>
internal static class SubmissionEndpoints
{
    /// <summary>What a form may add to the bytes of its file.</summary>
    private const int FormOverhead = 64 * 1024;

    private const string MethodName = "method_name";

    private const string File = "file";

    /// <summary>The parts of the form, for the OpenAPI document.</summary>
    public static (string Name, OpenApiSchema Schema)[] Form =>
        [
            (
                MethodName,
                DocumentedForms.Text(
                    "The name of the method; by default the name of the file without its extension.",
                    "grad-cam",
                    100
                )
            ),
            (File, DocumentedForms.File("The method.", "(the bytes of grad_cam.py)")),
        ];

    public static void MapSubmissions(this IEndpointRouteBuilder routes)
    {
        var challenge = routes
            .MapGroup("/api/challenges/{challenge_id}")
            .WithTags("Submissions")
            .WithChallengeName()
            .Validated();
        challenge
            .MapPost("/submissions", SubmitAsync)
            .WithSummary("Submit a method: a form with method_name and then file")
            .WithMetadata(new DisableRequestSizeLimitAttribute())
            .TakesForm(ChallengeDocument.FieldsFirst, ["file"], Form)
            .ForCallers(Scopes.Submit)
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status408RequestTimeout)
            .ProducesProblem(StatusCodes.Status409Conflict)
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType)
            .ProducesProblem(StatusCodes.Status429TooManyRequests);
        challenge
            .MapGet("/submissions", ListAsync)
            .WithSummary(
                "List the submissions to a challenge, newest first: the organiser all, a participant the own ones"
            )
            .ForCallers(AccessPolicies.Known)
            .ProducesValidationProblem();
        challenge
            .MapGet("/allowance", GetAllowanceAsync)
            .WithSummary("Get how many submissions the caller has left")
            .ForCallers(AccessPolicies.Known);
        var submission = routes.MapGroup("/api/submissions/{id:long}").WithTags("Submissions");
        submission
            .MapGet("/", GetAsync)
            .WithSummary("Get a submission: its state, its place in the queue, and the end of its log")
            .ForCallers(AccessPolicies.Known);
        submission
            .MapGet("/file", DownloadAsync)
            .WithSummary("Download the file of a submission")
            .ForCallers(AccessPolicies.Known)
            .ProducesFile();
    }

    private static async Task<Results<Accepted<SubmissionDetails>, ValidationProblem, ProblemHttpResult>> SubmitAsync(
        [FromRoute(Name = "challenge_id")] string challengeId,
        SubmissionService submissions,
        FileUpload upload,
        IValidator<MethodFields> validator,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        // Before the body: a file that cannot be accepted is not received.
        var (form, user) = (MultipartForm.Open(context), context.User.Identity!.Name!);
        var atLeast = Math.Max(0, (context.Request.ContentLength ?? 0) - FormOverhead);
        if (await submissions.CheckAsync(challengeId, user, atLeast, cancellationToken) is { } closed)
        {
            return RefusalProblems.Describe(context, closed);
        }

        await form.ReadFieldsAsync([MethodName], [File], cancellationToken);
        if (await form.NextFileAsync(cancellationToken) is not { } file)
        {
            return Mistake(File, "Is missing. Send method_name first, and then the file.");
        }

        var method = new MethodFields(
            form.Fields.GetValueOrDefault(MethodName)?.Trim() ?? Path.GetFileNameWithoutExtension(file.FileName)
        );
        if (validator.Validate(method) is { IsValid: false } mistakes)
        {
            return Mistake(MethodName, mistakes.Errors[0].ErrorMessage);
        }

        var (id, refusal) = await submissions.SubmitAsync(
            challengeId,
            user,
            file,
            upload,
            async token =>
            {
                await form.NextFileAsync(token); // finds that nothing follows
                return method.MethodName;
            },
            cancellationToken
        );
        if (refusal is not null)
        {
            return RefusalProblems.Describe(context, refusal);
        }

        var submission = await submissions.FindAsync(id, CancellationToken.None);
        return TypedResults.Accepted(
            $"{context.Request.PathBase}/api/submissions/{id}",
            await submissions.AddDetailsAsync(submission!, CancellationToken.None)
        );
    }

    private static async Task<Results<Ok<IReadOnlyList<SubmissionResponse>>, NotFound, ForbidHttpResult>> ListAsync(
        [FromRoute(Name = "challenge_id")] string challengeId,
        [AsParameters] SubmissionQuery query,
        SubmissionService submissions,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        if (await submissions.FindOrganiserAsync(challengeId, cancellationToken) is not { } organiser)
        {
            return TypedResults.NotFound();
        }

        if (!context.User.MayOrganise(organiser))
        {
            var own = context.User.Identity!.Name;
            if (query.Username is { } other && other != own)
            {
                return TypedResults.Forbid();
            }

            query = query with { Username = own };
        }

        var page = await submissions.ListAsync(challengeId, query, cancellationToken);
        return TypedResults.Ok(context.WithPageHeaders(page, query, row => [row.Id]));
    }

    private static async Task<Results<Ok<AllowanceResponse>, NotFound>> GetAllowanceAsync(
        [FromRoute(Name = "challenge_id")] string challengeId,
        SubmissionService submissions,
        HttpContext context,
        CancellationToken cancellationToken
    ) =>
        await submissions.FindAllowanceAsync(challengeId, context.User.Identity!.Name!, cancellationToken)
            is { } allowance
            ? TypedResults.Ok(allowance)
            : TypedResults.NotFound();

    private static async Task<Results<Ok<SubmissionDetails>, NotFound, ForbidHttpResult>> GetAsync(
        long id,
        SubmissionService submissions,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        if (await submissions.FindAsync(id, cancellationToken) is not { } submission)
        {
            return TypedResults.NotFound();
        }

        return await MaySeeAsync(context.User, submission, submissions, cancellationToken)
            ? TypedResults.Ok(await submissions.AddDetailsAsync(submission, cancellationToken))
            : TypedResults.Forbid();
    }

    private static async Task<Results<FileStreamHttpResult, NotFound, ForbidHttpResult>> DownloadAsync(
        long id,
        SubmissionService submissions,
        StoredFiles files,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        if (await submissions.FindAsync(id, cancellationToken) is not { } submission)
        {
            return TypedResults.NotFound();
        }

        if (!await MaySeeAsync(context.User, submission, submissions, cancellationToken))
        {
            return TypedResults.Forbid();
        }

        var key = await submissions.FindKeyAsync(id, cancellationToken);
        var (file, content) = await files.OpenAsync(key, cancellationToken);
        return StoredFiles.Attachment(context, file, content);
    }

    private static async Task<bool> MaySeeAsync(
        ClaimsPrincipal user,
        SubmissionResponse submission,
        SubmissionService submissions,
        CancellationToken cancellationToken
    ) =>
        user.AccountId() is not null && user.Identity!.Name == submission.Username
        || user.MayOrganise(await submissions.FindOrganiserAsync(submission.ChallengeId, cancellationToken) ?? "");

    private static ValidationProblem Mistake(string field, string message) =>
        TypedResults.ValidationProblem(new Dictionary<string, string[]> { [field] = [message] });
}
