using Exact.Api.Http;
using Exact.Api.Transfers;
using Exact.Infrastructure.Transfer.Exporting;
using Exact.Infrastructure.Transfer.Importing;
using Npgsql;

namespace Exact.Api.AdminConsole;

/// <summary>The page of the backups: take one, and restore one after a dry run.</summary>
internal static class BackupPages
{
    public static void MapBackupPages(this RouteGroupBuilder group)
    {
        var pages = group.MapGroup("/backups");
        pages.MapGet("/", () => ConsolePage.Of<BackupsPage>());
        pages
            .MapGet("/export", IResult (TransferService transfers) => new ExportResult(transfers, new ExportOptions()))
            .TakesLong();
        pages.MapPost("/restore/{id:long}", RestoreAsync);
    }

    /// <summary>Imports the file of a dry run.</summary>
    private static async Task<IResult> RestoreAsync(
        long id,
        HttpContext context,
        KeptUploads uploads,
        TransferService transfers,
        NpgsqlDataSource database,
        CancellationToken cancellationToken
    )
    {
        var form = await context.Request.ReadFormAsync(cancellationToken);
        if (uploads.Find(id) is not { } kept)
        {
            return TypedResults.Problem(
                statusCode: StatusCodes.Status409Conflict,
                title: "The file is not here any more.",
                detail: "Nothing was changed. The replica that received a file keeps it for an hour. Choose it again."
            );
        }

        if (kept.Options.Mode is ImportMode.Replace && $"{form["database"]}".Trim() != NameOf(database))
        {
            return TypedResults.Problem(
                statusCode: StatusCodes.Status422UnprocessableEntity,
                title: "The name of the database is another one.",
                detail: $"Nothing was changed. Go back, and type {NameOf(database)} to confirm the deletion."
            );
        }

        if (uploads.Take(id) is not { } upload)
        {
            return TypedResults.LocalRedirect($"{context.Request.PathBase}/admin/operations"); // a double click
        }

        var import = await transfers.StartImportAsync(
            upload.Copy,
            upload.Packing,
            upload.Options,
            context.User.Identity!.Name!
        );
        upload.Ends?.Dispose();
        if (long.TryParse(form["records"], out var records))
        {
            uploads.Expect(import, records);
        }

        return TypedResults.LocalRedirect($"{context.Request.PathBase}/admin/operations/{import}");
    }

    public static string NameOf(NpgsqlDataSource database) =>
        new NpgsqlConnectionStringBuilder(database.ConnectionString).Database!;
}
