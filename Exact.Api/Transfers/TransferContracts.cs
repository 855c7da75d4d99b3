using System.ComponentModel;
using Exact.Infrastructure.Transfer.Exporting;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Reading;
using FluentValidation;
using Microsoft.AspNetCore.Mvc;

namespace Exact.Api.Transfers;

/// <summary>What an import may do. The defaults refuse a file that would lose data.</summary>
internal sealed record ImportQuery(
    [FromQuery(Name = "mode"), Description("What to do with existing rows. `merge` updates the rows that differ.")]
        Choice<ImportMode>? Mode = null,
    [FromQuery(Name = "missing"), Description("What to do with the columns of an existing row that its record omits.")]
        Choice<MissingFields>? Missing = null,
    [FromQuery(Name = "unknown"), Description("What to do with models and fields that Exact does not know.")]
        Choice<WhenFound>? Unknown = null,
    [FromQuery(Name = "orphans"), Description("What to do with records whose parent does not exist.")]
        Choice<WhenFound>? Orphans = null,
    [
        FromQuery(Name = "confirm"),
        Description("With `mode=replace`: models that may lose rows although records are left out.")
    ]
        string? Confirm = null,
    [
        FromQuery(Name = "timezone"),
        Description("The zone of times without one, such as `Europe/Berlin`; by default UTC.")
    ]
        string? Timezone = null,
    [FromQuery(Name = "dry_run"), Description("Whether to report what would happen and change nothing.")]
        bool DryRun = false
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
            .WithMessage("There is no such time zone. Name one of the IANA database, such as Europe/Berlin.");
    }
}

/// <summary>A parameter that lists models or apps, separated by commas.</summary>
internal static class ModelNames
{
    public static string[] Split(string? names) =>
        names?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];
}

/// <summary>What an export contains; by default everything.</summary>
internal sealed record ExportQuery(
    [FromQuery(Name = "format"), Description("A JSON list (`json`), or one JSON object per line (`jsonl`).")]
        Choice<FixtureFormat>? Format = null,
    [FromQuery(Name = "models"), Description("The models or apps to export, separated by commas: `api.score,auth`.")]
        string? Models = null,
    [FromQuery(Name = "exclude"), Description("The models or apps to leave out, separated by commas.")]
        string? Exclude = null,
    [FromQuery(Name = "challenge"), Description("The only challenge to export, with its scores.")]
        string? Challenge = null
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
