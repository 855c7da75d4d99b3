using Exact.Api.Access;
using Exact.Api.Http;
using Exact.Api.Operations;
using Exact.Infrastructure.Backups;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exact.Api.Backups;

/// <summary>Shows the complete backups and how the last ones went, makes one, verifies one, and lets one be downloaded.</summary>
internal static class BackupEndpoints
{
    private const string Gzip = "application/gzip";

    public static IServiceCollection AddBackupTimer(this IServiceCollection services) =>
        services.AddSingleton<BackupStatusReader>().AddSingleton<BackupWork>().AddHostedService<BackupTimer>();

    public static void MapBackups(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapAdminGroup("/backups", Scopes.Backup);
        group
            .MapGet("/", GetAsync)
            .WithSummary("List the complete backups, and get when the next one is due and how the last ones went");
        group
            .MapPost("/", TakeAsync)
            .WithSummary("Make a complete backup in the folder, and verify it")
            .ProducesProblem(StatusCodes.Status409Conflict);
        group
            .MapGet("/{name}", DownloadAsync)
            .WithSummary("Download a backup")
            .Produces<Stream>(contentType: Gzip)
            .TakesLong();
        group
            .MapPost("/{name}/verify", VerifyAsync)
            .WithSummary("Restore a backup into a scratch database, and compare it with its manifest");
    }

    private static async Task<Ok<BackupStatus>> GetAsync(
        BackupStatusReader status,
        CancellationToken cancellationToken
    ) => TypedResults.Ok(await status.ReadAsync(cancellationToken));

    private static async Task<Results<Accepted<OperationResponse>, ProblemHttpResult>> TakeAsync(
        HttpContext context,
        BackupWork work,
        OperationService operations,
        CancellationToken cancellationToken
    ) =>
        await work.TakeAsync(context.User.Identity!.Name!) is { } id
            ? await AcceptAsync(context, id, operations, cancellationToken)
            : NoFolder();

    private static async Task<Results<Accepted<OperationResponse>, NotFound>> VerifyAsync(
        string name,
        HttpContext context,
        BackupWork work,
        OperationService operations,
        CancellationToken cancellationToken
    ) =>
        await work.VerifyAsync(name, context.User.Identity!.Name!, cancellationToken) is { } id
            ? await AcceptAsync(context, id, operations, cancellationToken)
            : TypedResults.NotFound();

    /// <summary>The archive as a file, whose download is in the journal; null if there is none of this name.</summary>
    public static async Task<FileStreamHttpResult?> FindFileAsync(
        string name,
        string actor,
        BackupService backups,
        CancellationToken cancellationToken
    ) =>
        await backups.OpenForAsync(name, actor, cancellationToken) is { } content
            ? TypedResults.Stream(content, Gzip, name, enableRangeProcessing: true)
            : null;

    /// <summary>The answer where no folder is set.</summary>
    public static ProblemHttpResult NoFolder() =>
        TypedResults.Problem(
            statusCode: StatusCodes.Status409Conflict,
            title: "There is no folder for backups.",
            detail: "Set Backups__Folder and start the service again, or download one: /api/admin/export?format=tar."
        );

    private static async Task<Results<FileStreamHttpResult, NotFound>> DownloadAsync(
        string name,
        HttpContext context,
        BackupService backups,
        CancellationToken cancellationToken
    ) =>
        await FindFileAsync(name, context.User.Identity!.Name!, backups, cancellationToken) is { } file
            ? file
            : TypedResults.NotFound();

    private static async Task<Accepted<OperationResponse>> AcceptAsync(
        HttpContext context,
        long id,
        OperationService operations,
        CancellationToken cancellationToken
    ) =>
        TypedResults.Accepted(
            OperationEndpoints.AddressOf(context, id),
            await operations.FindAsync(id, cancellationToken)
        );
}
