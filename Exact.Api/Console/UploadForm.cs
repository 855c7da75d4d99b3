using System.Text;
using Exact.Api.Access;
using Exact.Api.Http;
using Exact.Api.Transfers;
using Exact.Api.Transfers.Unpacking;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Reading;
using FluentValidation;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace Exact.Api.AdminConsole;

/// <summary>Receives the form with a backup as it arrives: first its fields, then the file of any size.</summary>
internal static class UploadForm
{
    private const int MaxField = 8 * 1024;

    public static void MapUploads(this RouteGroupBuilder group) =>
        group.MapPost("/backups/restore", ReceiveAsync).SetsCookie().TakesLong();

    private static async Task<IResult> ReceiveAsync(
        HttpContext context,
        IAntiforgery forms,
        TransferService transfers,
        KeptUploads uploads,
        IValidator<ImportQuery> validator,
        IOptions<TransferOptions> settings,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        context.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize = null; // PacedBody has the limit
        context.Features.Get<IHttpMinRequestBodyDataRateFeature>()?.MinDataRate = null;
        var maxBytes = settings.Value.MaxBytes;
        await using var body = new PacedBody(context.Request.BodyReader, Pace.Background, maxBytes, time);
        var form = new MultipartReader(BoundaryOf(context.Request), body);
        var (fields, file) = await ReadFieldsAsync(form, cancellationToken);
        var names = forms.GetTokens(context);
        // The framework looks for the token in this header before it would read the whole form.
        context.Request.Headers[names.HeaderName!] = fields.GetValueOrDefault(names.FormFieldName, "missing");
        if (!await forms.IsRequestValidAsync(context))
        {
            return ConsoleSetup.OutOfDate();
        }

        var query = QueryOf(fields);
        if (await validator.ValidateAsync(query, cancellationToken) is { IsValid: false } mistakes)
        {
            return TypedResults.ValidationProblem(mistakes.ToErrors());
        }

        if (file is null || FileNames.Of(file) is not { Length: > 0 } name)
        {
            return TypedResults.Problem(
                statusCode: StatusCodes.Status400BadRequest,
                title: "No file was chosen.",
                detail: "Nothing was changed. Go back, choose the file of a backup, and send the form again."
            );
        }

        var options = query.ToOptions() with { DryRun = true, Differences = ImportDifferences.Limit };
        var content = new UploadStream(file.Body, form);
        var id = await transfers.StartImportAsync(
            content,
            Packing.None,
            options,
            context.User.Identity!.Name!,
            cancellationToken,
            (dryRun, copy) => uploads.Keep(dryRun, new(name, copy, Packing.None, query.ToOptions()))
        );
        return TypedResults.LocalRedirect($"{context.Request.PathBase}/admin/operations/{id}");
    }

    private static string BoundaryOf(HttpRequest request) =>
        MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
        && HeaderUtilities.RemoveQuotes(type.Boundary) is { Length: > 0 and < 128 } boundary
            ? boundary.ToString()
            : throw new BadHttpRequestException("The form must be multipart/form-data. Send it from the page.");

    private static async Task<(Dictionary<string, string> Fields, MultipartSection? File)> ReadFieldsAsync(
        MultipartReader form,
        CancellationToken cancellationToken
    )
    {
        var fields = new Dictionary<string, string>();
        while (await form.ReadNextSectionAsync(cancellationToken) is { } section)
        {
            if (section.GetContentDispositionHeader() is not { } header || header.IsFileDisposition())
            {
                return (fields, section);
            }

            var buffer = new byte[MaxField];
            var length = await section.Body.ReadAtLeastAsync(
                buffer,
                MaxField,
                throwOnEndOfStream: false,
                cancellationToken
            );
            fields[header.Name.ToString()] = Encoding.UTF8.GetString(buffer, 0, length);
        }

        return (fields, null);
    }

    /// <summary>What the fields of RestoreOptions choose.</summary>
    public static ImportQuery QueryOf(Dictionary<string, string> fields)
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
            where T : struct, Enum => fields.TryGetValue(field, out var name) ? Api.Choice<T>.Parse(name, null) : null;
    }
}
