using Exact.Api.Access;
using Exact.Api.Http;
using Exact.Api.Operations;
using Exact.Api.Transfers;
using Exact.Infrastructure.Backups;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace Exact.Api.Backups;

/// <summary>Shows the complete backups, and how the last ones went.</summary>
internal static class BackupEndpoints
{
    private const string Gzip = "application/gzip";

    public static IServiceCollection AddBackupTimer(this IServiceCollection services) =>
        services.AddHostedService<BackupTimer>();

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
    }

    private static async Task<Ok<BackupStatus>> GetAsync(
        BackupService backups,
        BackupHistory history,
        BackupSchedule schedule,
        IOptions<BackupOptions> options,
        CancellationToken cancellationToken
    )
    {
        var record = await history.ReadAsync(cancellationToken);
        return TypedResults.Ok(
            new BackupStatus
            {
                Schedule = options.Value.Schedule,
                Folder = options.Value.Folder,
                Keep = options.Value.Keep,
                Next = schedule.Next,
                LastSuccess = record.LastSuccess,
                LastAttempt = record.LastAttempt,
                FailedSince = record.FailedSince,
                Error = record.Error,
                Backups = backups.Folder is { } folder ? await folder.ListAsync(cancellationToken) : [],
            }
        );
    }

    private static async Task<Results<Accepted<OperationResponse>, ProblemHttpResult>> TakeAsync(
        HttpContext context,
        BackupService backups,
        BackgroundImports background,
        OperationService operations,
        CancellationToken cancellationToken
    )
    {
        if (backups.Folder is not { } folder)
        {
            return TypedResults.Problem(
                statusCode: StatusCodes.Status409Conflict,
                title: "There is no folder for backups.",
                detail: "Set Backups__Folder and start the service again, or download one: /api/admin/export?format=tar."
            );
        }

        var actor = context.User.Identity!.Name!;
        var begun = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
        var backup = background.Start(stopping => backups.TakeAsync(folder, actor, begun.SetResult, stopping));
        await await Task.WhenAny(begun.Task, backup); // the backup comes first only if it failed
        var id = await begun.Task;
        return TypedResults.Accepted(
            OperationEndpoints.AddressOf(context, id),
            await operations.FindAsync(id, cancellationToken)
        );
    }

    private static async Task<Results<FileStreamHttpResult, NotFound>> DownloadAsync(
        string name,
        BackupService backups,
        CancellationToken cancellationToken
    ) =>
        backups.Folder is { } folder && await folder.FindAsync(name, cancellationToken) is { } content
            ? TypedResults.Stream(content, Gzip, name, enableRangeProcessing: true)
            : TypedResults.NotFound();
}

/// <summary>The complete backups, and how the last ones went.</summary>
internal sealed record BackupStatus
{
    /// <summary>When backups are made, in cron syntax and UTC; null if they are not scheduled.</summary>
    public required string? Schedule { get; init; }

    /// <summary>Where they go; null if no folder is set.</summary>
    public required string? Folder { get; init; }

    /// <summary>Which of them are kept.</summary>
    public required string Keep { get; init; }

    /// <summary>When the next one is due.</summary>
    public required DateTimeOffset? Next { get; init; }

    /// <summary>When the last one began that was verified.</summary>
    public required DateTimeOffset? LastSuccess { get; init; }

    /// <summary>When the last one began.</summary>
    public required DateTimeOffset? LastAttempt { get; init; }

    /// <summary>When the first one began that failed after the last success; null if none did.</summary>
    public required DateTimeOffset? FailedSince { get; init; }

    /// <summary>Why the last one failed, if it did.</summary>
    public required string? Error { get; init; }

    /// <summary>The archives in the folder, newest first.</summary>
    public required IReadOnlyList<Backup> Backups { get; init; }
}
