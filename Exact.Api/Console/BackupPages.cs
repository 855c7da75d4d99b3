using Exact.Api.Backups;
using Exact.Api.Http;
using Exact.Api.Transfers;
using Exact.Api.Transfers.Unpacking;
using Exact.Infrastructure.Backups;
using Exact.Infrastructure.Transfer.Exporting;
using Exact.Infrastructure.Transfer.Importing;
using FluentValidation;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace Exact.Api.AdminConsole;

/// <summary>The pages of the backups: take one, download it, verify it, and restore it after a dry run.</summary>
internal static class BackupPages
{
    public static void MapBackupPages(this RouteGroupBuilder group)
    {
        var pages = group.MapGroup("/backups");
        pages.MapGet("/", () => ConsolePage.Of<BackupsPage>());
        pages.MapPost("/", TakeAsync);
        pages.MapGet("/{name}", GetAsync);
        pages.MapGet("/{name}/file", DownloadAsync).TakesLong();
        pages.MapPost("/{name}/verify", VerifyAsync);
        pages.MapPost("/{name}/restore", CheckAsync).TakesLong();
        pages
            .MapGet("/export", IResult (TransferService transfers) => new ExportResult(transfers, new ExportOptions()))
            .TakesLong();
        pages.MapPost("/restore/{id:long}", RestoreAsync).TakesLong();
    }

    private static async Task<IResult> TakeAsync(HttpContext context, BackupWork work) =>
        await work.TakeAsync(context.User.Identity!.Name!) is { } id
            ? ToOperation(context, id)
            : BackupEndpoints.NoFolder();

    private static async Task<IResult> GetAsync(string name, BackupWork work, CancellationToken cancellationToken) =>
        await work.FindAsync(name, cancellationToken) is null
            ? TypedResults.NotFound()
            : ConsolePage.Of<BackupPage>(new() { [nameof(BackupPage.Name)] = name });

    private static async Task<IResult> DownloadAsync(
        string name,
        HttpContext context,
        BackupService backups,
        CancellationToken cancellationToken
    ) =>
        await BackupEndpoints.FindFileAsync(name, context.User.Identity!.Name!, backups, cancellationToken)
        ?? (IResult)TypedResults.NotFound();

    private static async Task<IResult> VerifyAsync(
        string name,
        HttpContext context,
        BackupWork work,
        CancellationToken cancellationToken
    ) =>
        await work.VerifyAsync(name, context.User.Identity!.Name!, cancellationToken) is { } id
            ? ToOperation(context, id)
            : TypedResults.NotFound();

    /// <summary>Imports a backup of the folder as a dry run.</summary>
    private static async Task<IResult> CheckAsync(
        string name,
        HttpContext context,
        BackupService backups,
        TransferService transfers,
        CheckedBackups checkedBackups,
        IValidator<ImportQuery> validator,
        CancellationToken cancellationToken
    )
    {
        var form = await context.Request.ReadFormAsync(cancellationToken);
        var fields = UploadForm.Options.ToDictionary(field => field, field => $"{form[field]}");
        var query = UploadForm.QueryOf(fields);
        if (await validator.ValidateAsync(query, cancellationToken) is { IsValid: false } mistakes)
        {
            return TypedResults.ValidationProblem(mistakes.ToErrors());
        }

        var options = query.ToOptions() with { DryRun = true, Differences = ImportDifferences.Limit };
        return await StartAsync(name, options, context, backups, transfers, cancellationToken) is { } id
            ? ToOperation(context, id, $"?backup={checkedBackups.Seal(new(id, name, fields))}")
            : TypedResults.NotFound();
    }

    /// <summary>Imports what a dry run has read: the file that was sent, or the backup of the folder.</summary>
    private static async Task<IResult> RestoreAsync(
        long id,
        HttpContext context,
        KeptUploads uploads,
        CheckedBackups checkedBackups,
        BackupService backups,
        TransferService transfers,
        NpgsqlDataSource database,
        CancellationToken cancellationToken
    )
    {
        var form = await context.Request.ReadFormAsync(cancellationToken);
        var backup = checkedBackups.Open(id, form["backup"]);
        if ((backup?.ToOptions() ?? uploads.Find(id)?.Options) is not { } options)
        {
            return IsGone("The replica that received a file keeps it for an hour. Choose it again.");
        }

        if (options.Mode is ImportMode.Replace && $"{form["database"]}".Trim() != NameOf(database))
        {
            return TypedResults.Problem(
                statusCode: StatusCodes.Status422UnprocessableEntity,
                title: "The name of the database is another one.",
                detail: $"Nothing was changed. Go back, and type {NameOf(database)} to confirm the deletion."
            );
        }

        long import;
        if (backup is not null)
        {
            if (await StartAsync(backup.Name, options, context, backups, transfers, cancellationToken) is not { } begun)
            {
                return IsGone("The backup has left the folder. Choose another.");
            }

            import = begun;
        }
        else if (uploads.Take(id) is { } upload)
        {
            import = await transfers.StartImportAsync(
                upload.Copy,
                upload.Packing,
                options,
                context.User.Identity!.Name!
            );
            upload.Ends?.Dispose();
        }
        else
        {
            return TypedResults.LocalRedirect($"{context.Request.PathBase}/admin/operations"); // a double click
        }

        if (long.TryParse(form["records"], out var records))
        {
            uploads.Expect(import, records);
        }

        return ToOperation(context, import);
    }

    /// <summary>Imports a backup of the folder in the background, once it has been read.</summary>
    /// <returns>The operation; null if there is no backup of this name.</returns>
    private static async Task<long?> StartAsync(
        string name,
        ImportOptions options,
        HttpContext context,
        BackupService backups,
        TransferService transfers,
        CancellationToken cancellationToken
    )
    {
        await using var archive = backups.Folder is { } folder ? await folder.FindAsync(name, cancellationToken) : null;
        return archive is null
            ? null
            : await transfers.StartImportAsync(
                archive,
                Packing.None,
                options,
                context.User.Identity!.Name!,
                cancellationToken
            );
    }

    private static ProblemHttpResult IsGone(string detail) =>
        TypedResults.Problem(
            statusCode: StatusCodes.Status409Conflict,
            title: "The file is not here any more.",
            detail: $"Nothing was changed. {detail}"
        );

    private static RedirectHttpResult ToOperation(HttpContext context, long id, string query = "") =>
        TypedResults.LocalRedirect($"{context.Request.PathBase}/admin/operations/{id}{query}");

    public static string NameOf(NpgsqlDataSource database) =>
        new NpgsqlConnectionStringBuilder(database.ConnectionString).Database!;
}
