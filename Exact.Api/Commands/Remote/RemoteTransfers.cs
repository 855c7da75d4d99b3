using System.Net.Http.Headers;
using System.Text.Json;
using Exact.Infrastructure.Transfer.Exporting;
using Exact.Infrastructure.Transfer.Importing;
using Microsoft.AspNetCore.WebUtilities;

namespace Exact.Api.Commands.Remote;

/// <summary>Imports into and exports from a service elsewhere.</summary>
internal static class RemoteTransfers
{
    /// <summary>Sends a fixture.</summary>
    /// <exception cref="RemoteException">It was refused; nothing was changed.</exception>
    public static async Task<ImportReport> ImportAsync(
        this RemoteService service,
        Stream fixture,
        ImportOptions options,
        CancellationToken cancellationToken
    )
    {
        using var content = new StreamContent(fixture);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream")
        {
            CharSet = options.Encoding?.WebName,
        };
        return await service.PostAsync<ImportReport>(PathOf("import", options), content, cancellationToken);
    }

    /// <summary>Lets the service import the live Django database that its own setting names.</summary>
    /// <inheritdoc cref="ImportAsync"/>
    public static Task<ImportReport> ImportFromDjangoAsync(
        this RemoteService service,
        ImportOptions options,
        CancellationToken cancellationToken
    ) => service.PostAsync<ImportReport>(PathOf("import/django", options), content: null, cancellationToken);

    /// <summary>Receives a fixture, after the service has said how many records it has.</summary>
    /// <exception cref="RemoteException">It was refused, or the connection was lost on the way.</exception>
    public static async Task ExportAsync(
        this RemoteService service,
        Stream destination,
        ExportOptions options,
        Action<long> onRecords,
        CancellationToken cancellationToken
    )
    {
        var path = QueryHelpers.AddQueryString(
            "api/admin/export",
            new Dictionary<string, string?>
            {
                ["format"] = options.IsComplete ? "tar" : NameOf(options.Format),
                ["models"] = options.Models.Count > 0 ? string.Join(',', options.Models) : null,
                ["exclude"] = options.Exclude.Count > 0 ? string.Join(',', options.Exclude) : null,
                ["challenge"] = options.Challenge,
                ["for"] = NameOf(options.For),
                ["redact"] = options.Redact is Redaction.None ? null : NameOf(options.Redact),
            }
        );
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(path, UriKind.Relative));
        using var answer = await service.SendAsync(request, cancellationToken);
        if (
            answer.Headers.TryGetValues("Exact-Records", out var values)
            && long.TryParse(values.First(), out var records)
        )
        {
            onRecords(records);
        }

        try
        {
            await using var body = await answer.Content.ReadAsStreamAsync(cancellationToken);
            var buffer = new byte[128 * 1024];
            while (await ReadAsync(service, body, buffer, cancellationToken) is var read and > 0)
            {
                await destination.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            }
        }
        catch (HttpRequestException e)
        {
            throw service.Lost(e);
        }
    }

    /// <summary>Prints each error of a refused import, as <see cref="ImportAnswer"/> prints them.</summary>
    public static IEnumerable<string> ErrorsOf(RemoteException refusal, string name)
    {
        if (
            refusal.Problem is not { ValueKind: JsonValueKind.Object } problem
            || !problem.TryGetProperty("errors", out var errors)
            || errors.ValueKind is not JsonValueKind.Array
        )
        {
            return [refusal.Message];
        }

        var summary = $"{refusal["detail"]} Nothing was changed.";
        return refusal["title"]?.Contains("not a fixture", StringComparison.Ordinal) is true
            ? [$"{name}: {summary}"]
            : [.. errors.EnumerateArray().Select(error => Describe(error, name)), summary];
    }

    private static string Describe(JsonElement error, string name)
    {
        var detail = error.GetProperty("detail").GetString();
        return error.GetProperty("line").ValueKind is JsonValueKind.Number
            ? $"{name}, line {error.GetProperty("line")}, column {error.GetProperty("column")}, "
                + $"{error.GetProperty("pointer").GetString()}: {detail}"
            : $"{name}: {detail}";
    }

    /// <summary>A lost connection is told apart from a file that cannot be written.</summary>
    private static async Task<int> ReadAsync(
        RemoteService service,
        Stream body,
        byte[] buffer,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return await body.ReadAsync(buffer, cancellationToken);
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            throw service.Lost(e);
        }
    }

    private static string PathOf(string action, ImportOptions options) =>
        QueryHelpers.AddQueryString(
            $"api/admin/{action}",
            new Dictionary<string, string?>
            {
                ["mode"] = NameOf(options.Mode),
                ["missing"] = NameOf(options.Missing),
                ["unknown"] = NameOf(options.Unknown),
                ["orphans"] = NameOf(options.Orphans),
                ["confirm"] = options.Confirmed.Count > 0 ? string.Join(',', options.Confirmed) : null,
                ["timezone"] = options.TimeZone.Id,
                ["dry_run"] = options.DryRun ? "true" : "false",
            }
        );

    private static string NameOf(Enum value) => JsonNamingPolicy.SnakeCaseLower.ConvertName($"{value}");
}
