using Exact.Infrastructure.Transfer.Exporting;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Reading;
using FluentValidation;
using Microsoft.AspNetCore.Mvc;

namespace Exact.Api.Admin;

/// <summary>What an import may do. The defaults refuse whatever would be lost.</summary>
/// <param name="Mode">What happens to rows that exist: <c>merge</c> updates those that differ.</param>
/// <param name="Missing">What happens to columns that a record does not mention, on update.</param>
/// <param name="Unknown">Models and fields that Exact does not know: <c>fail</c> or <c>skip</c>.</param>
/// <param name="Orphans">Records whose parent is neither in the file nor in the database: <c>fail</c> or <c>skip</c>.</param>
/// <param name="Confirm">
/// With <c>mode=replace</c>: models, with commas between them, whose records may be left out although rows are deleted.
/// </param>
/// <param name="Timezone">The zone of times that have none, such as <c>Europe/Berlin</c>; UTC by default.</param>
/// <param name="DryRun">Go the whole way, answer what would happen, and change nothing.</param>
internal sealed record ImportQuery(
    [FromQuery(Name = "mode")] Choice<ImportMode>? Mode = null,
    [FromQuery(Name = "missing")] Choice<MissingFields>? Missing = null,
    [FromQuery(Name = "unknown")] Choice<WhenFound>? Unknown = null,
    [FromQuery(Name = "orphans")] Choice<WhenFound>? Orphans = null,
    [FromQuery(Name = "confirm")] string? Confirm = null,
    [FromQuery(Name = "timezone")] string? Timezone = null,
    [FromQuery(Name = "dry_run")] bool DryRun = false
)
{
    public ImportOptions ToOptions() =>
        new()
        {
            Mode = Mode.OrDefault(),
            Missing = Missing.OrDefault(),
            Unknown = Unknown.OrDefault(),
            Orphans = Orphans.OrDefault(),
            Confirmed = ModelNames.Split(Confirm),
            TimeZone = Timezone is null ? TimeZoneInfo.Utc : TimeZoneInfo.FindSystemTimeZoneById(Timezone),
            DryRun = DryRun,
        };
}

internal sealed class ImportQueryValidator : AbstractValidator<ImportQuery>
{
    public ImportQueryValidator()
    {
        RuleFor(query => query.Timezone)
            .Must(zone => zone is null || TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _))
            .WithMessage("There is no such time zone; name one as in the IANA database, such as Europe/Berlin.");
    }
}

/// <summary>Labels or apps in one parameter, with commas between them.</summary>
internal static class ModelNames
{
    public static string[] Split(string? names) =>
        names?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];
}

/// <summary>What an export holds. The default is everything.</summary>
/// <param name="Format">A JSON list, or a JSON object a line.</param>
/// <param name="Models">Only these labels or apps, with commas between them: <c>api.score,auth</c>.</param>
/// <param name="Exclude">All but these.</param>
/// <param name="Challenge">Only the challenge with this public name, and its scores.</param>
internal sealed record ExportQuery(
    [FromQuery(Name = "format")] Choice<FixtureFormat>? Format = null,
    [FromQuery(Name = "models")] string? Models = null,
    [FromQuery(Name = "exclude")] string? Exclude = null,
    [FromQuery(Name = "challenge")] string? Challenge = null
)
{
    public ExportOptions ToOptions() =>
        new()
        {
            Format = Format.OrDefault(),
            Models = ModelNames.Split(Models),
            Exclude = ModelNames.Split(Exclude),
            Challenge = Challenge,
        };
}
