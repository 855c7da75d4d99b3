using Exact.Api.Access;
using Exact.Api.Http;
using Exact.Api.Transfers;
using Exact.Api.Transfers.Unpacking;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Reading;
using FluentValidation;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.Extensions.Options;

namespace Exact.Api.AdminConsole;

/// <summary>Receives the form with a backup as it arrives: first its fields, then the file of any size.</summary>
internal static class UploadForm
{
    /// <summary>The fields of RestoreOptions.</summary>
    public static readonly string[] Options = ["mode", "missing", "unknown", "orphans", "confirm", "timezone"];

    public static void MapUploads(this RouteGroupBuilder group) =>
        group.MapPost("/backups/restore", ReceiveAsync).SetsCookie().TakesLong();

    private static async Task<IResult> ReceiveAsync(
        HttpContext context,
        IAntiforgery forms,
        TransferService transfers,
        KeptUploads uploads,
        IValidator<ImportQuery> validator,
        IOptions<TransferOptions> settings,
        CancellationToken cancellationToken
    )
    {
        var names = forms.GetTokens(context);
        var form = MultipartForm.Open(context, maxBytes: settings.Value.MaxBytes);
        await form.ReadFieldsAsync([names.FormFieldName, .. Options], ["file"], cancellationToken);
        // The framework looks for the token in this header before it would read the whole form.
        context.Request.Headers[names.HeaderName!] = form.Fields.GetValueOrDefault(names.FormFieldName, "missing");
        if (!await forms.IsRequestValidAsync(context))
        {
            return ConsoleSetup.OutOfDate();
        }

        var query = QueryOf(form.Fields);
        if (await validator.ValidateAsync(query, cancellationToken) is { IsValid: false } mistakes)
        {
            return TypedResults.ValidationProblem(mistakes.ToErrors());
        }

        if (await form.NextFileAsync(cancellationToken) is not { } file)
        {
            return TypedResults.Problem(
                statusCode: StatusCodes.Status400BadRequest,
                title: "No file was chosen.",
                detail: "Nothing was changed. Go back, choose the file of a backup, and send the form again."
            );
        }

        var options = query.ToOptions() with { DryRun = true, Differences = ImportDifferences.Limit };
        var id = await transfers.StartImportAsync(
            file.Content,
            Packing.None,
            options,
            context.User.Identity!.Name!,
            cancellationToken,
            (dryRun, copy) => uploads.Keep(dryRun, new(file.FileName, copy, Packing.None, query.ToOptions()))
        );
        return TypedResults.LocalRedirect($"{context.Request.PathBase}/admin/operations/{id}");
    }

    /// <summary>What the fields of RestoreOptions choose.</summary>
    public static ImportQuery QueryOf(IReadOnlyDictionary<string, string> fields)
    {
        return new(
            Choice<ImportMode>("mode"),
            Choice<MissingFields>("missing"),
            Choice<WhenFound>("unknown"),
            Choice<WhenFound>("orphans"),
            fields.GetValueOrDefault("confirm") is { Length: > 0 } confirm ? confirm : null,
            fields.GetValueOrDefault("timezone") is { Length: > 0 } zone ? zone : null
        );

        Choice<T>? Choice<T>(string field)
            where T : struct, Enum =>
            fields.GetValueOrDefault(field) is { Length: > 0 } name ? Api.Choice<T>.Parse(name, null) : null;
    }
}
