using Exact.Infrastructure.Transfer.Exporting;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Reading;
using FluentValidation;

namespace Exact.Api.Transfers;

/// <summary>What an import may do. The defaults refuse a file that would lose data.</summary>
#nullable disable annotations // see QueryAttribute
internal sealed record ImportQuery(
    [Query(Name = "mode", Description = "What to do with existing rows. `merge` updates the rows that differ.")]
        Choice<ImportMode>? Mode = null,
    [Query(Name = "missing", Description = "What to do with the columns of an existing row that its record omits.")]
        Choice<MissingFields>? Missing = null,
    [Query(Name = "unknown", Description = "What to do with models and fields that Exact does not know.")]
        Choice<WhenFound>? Unknown = null,
    [Query(Name = "orphans", Description = "What to do with records whose parent does not exist.")]
        Choice<WhenFound>? Orphans = null,
    [Query(
        Name = "confirm",
        Description = "With `mode=replace`: models that may lose rows although records are left out."
    )]
        string Confirm = null,
    [Query(Name = "timezone", Description = "The zone of times without one, such as `Europe/Berlin`; by default UTC.")]
        string Timezone = null,
    [Query(Name = "dry_run", Description = "Whether to report what would happen and change nothing.")]
        bool DryRun = false,
    [Query(
        Name = "differences",
        Description = "Whether a dry run also lists the first hundred rows that it would remove, update or create."
    )]
        bool Differences = false
)
#nullable restore annotations
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
            Differences = Differences ? ImportDifferences.Limit : 0,
        };
}

internal sealed class ImportQueryValidator : AbstractValidator<ImportQuery>
{
    public ImportQueryValidator(FixtureTables tables)
    {
        RuleFor(query => query.Differences)
            .Must((query, lists) => !lists || query.DryRun)
            .WithMessage("Only a dry run lists the differences. Add dry_run=true.");
        RuleFor(query => query.Timezone)
            .Must(zone => zone is null || TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _))
            .WithMessage("There is no such time zone. Name one of the IANA database, such as Europe/Berlin.")
            .DependentRules(() =>
                RuleFor(query => query.Confirm)
                    .Custom(
                        (_, context) =>
                        {
                            if (context.InstanceToValidate.ToOptions().FindMistake(tables) is { } mistake)
                            {
                                context.AddFailure(mistake);
                            }
                        }
                    )
            );
    }
}

/// <summary>A parameter that lists models or apps, separated by commas.</summary>
internal static class ModelNames
{
    public static string[] Split(string? names) =>
        names?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];
}

/// <summary>What an export contains; by default everything.</summary>
#nullable disable annotations // see QueryAttribute
internal sealed record ExportQuery(
    [Query(
        Name = "format",
        Description = "A JSON list (`json`), one JSON object per line (`jsonl`), or a complete backup with all stored files (`tar`)."
    )]
        Choice<ExportFormat>? Format = null,
    [Query(Name = "models", Description = "The models or apps to export, separated by commas: `api.score,auth`.")]
        string Models = null,
    [Query(Name = "exclude", Description = "The models or apps to leave out, separated by commas.")]
        string Exclude = null,
    [Query(Name = "challenge", Description = "The only challenge to export, with what belongs to it.")]
        string Challenge = null,
    [Query(
        Name = "for",
        Description = "Who will read it. `django` leaves out the models of Exact, which `loaddata` refuses."
    )]
        Choice<ExportTarget>? For = null,
    [Query(
        Name = "redact",
        Description = "What to leave out. `people` writes a stable pseudonym in place of each name, and no hashes."
    )]
        Choice<Redaction>? Redact = null
)
#nullable restore annotations
{
    public ExportOptions ToOptions() =>
        new()
        {
            Format = Format.OrDefault() is ExportFormat.Jsonl ? FixtureFormat.Jsonl : FixtureFormat.Json,
            IsComplete = Format.OrDefault() is ExportFormat.Tar,
            Models = ModelNames.Split(Models),
            Exclude = ModelNames.Split(Exclude),
            Challenge = Challenge,
            For = For.OrDefault(),
            Redact = Redact.OrDefault(),
        };
}

/// <summary>What an export is written as.</summary>
internal enum ExportFormat
{
    Json,
    Jsonl,

    /// <summary>A complete backup: a tar archive of the fixture and the stored files.</summary>
    Tar,
}
