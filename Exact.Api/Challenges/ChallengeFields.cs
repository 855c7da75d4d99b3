using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Exact.Api.Http;
using Exact.Domain;
using FluentValidation;

namespace Exact.Api.Challenges;

/// <summary>What an organiser says about a challenge.</summary>
/// <example>{"title": "Tetris saliency", "closes_on": "2027-01-31T23:00:00Z", "rules": {"daily_limit": 5, "total_limit": null}}</example>
internal sealed record ChallengeFields
{
    public const int MaxTitle = 100;
    public const int MaxDescription = 100_000;

    private static readonly JsonSerializerOptions Strict = new(Json.Options)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    public string? Title { get; init; }

    public string? Description { get; init; }

    /// <summary>When submissions begin; null for now. A time without a zone is UTC.</summary>
    public DateTimeOffset? OpensOn { get; init; }

    /// <summary>When submissions end; that moment itself is too late. Null if the challenge stays open.</summary>
    public DateTimeOffset? ClosesOn { get; init; }

    /// <summary>What is demanded of submissions; null if nothing is.</summary>
    public RuleFields? Rules { get; init; }

    public static ChallengeFields Of(Challenge challenge, ChallengeRules? rules) =>
        new()
        {
            Title = challenge.Title,
            Description = challenge.Description,
            OpensOn = rules?.OpensOn,
            ClosesOn = challenge.ClosesOn,
            Rules = rules is null ? null : RuleFields.Of(rules),
        };

    /// <summary>Reads the fields from JSON.</summary>
    /// <exception cref="ValidationException">A field is unknown, or has a value of the wrong type.</exception>
    public static ChallengeFields Read(JsonObject json)
    {
        try
        {
            return json.Deserialize<ChallengeFields>(Strict)!;
        }
        catch (JsonException e)
        {
            var field = e.Path is ['$', '.', .. var path] ? path : "body";
            throw new ValidationException([
                new(field, JsonExpectations.Describe(typeof(ChallengeFields), field, Strict)),
            ]);
        }
    }

    /// <summary>These fields with a merge patch applied (RFC 7396).</summary>
    /// <exception cref="ValidationException">
    /// The patch is no object, names a field twice, or a field is unknown or has a value of the wrong type.
    /// </exception>
    public ChallengeFields With(JsonElement patch)
    {
        if (patch.ValueKind is not JsonValueKind.Object)
        {
            throw new ValidationException([new("body", "It must be a JSON object with the fields to change.")]);
        }

        try
        {
            return Read(
                Merge(JsonSerializer.SerializeToNode(this, Json.Options)!.AsObject(), JsonObject.Create(patch)!)
            );
        }
        catch (ArgumentException)
        {
            throw new ValidationException([new("body", "It names a field twice. Send each field once.")]);
        }
        catch (InvalidOperationException)
        {
            throw new ValidationException([
                new("body", "It has an incomplete Unicode character: \\ud800 to \\udfff come in pairs."),
            ]);
        }
    }

    public void CopyTo(Challenge challenge)
    {
        challenge.Title = Title!.Trim();
        challenge.Description = Description ?? "";
        challenge.ClosesOn = ClosesOn;
    }

    public void CopyTo(ChallengeRules rules)
    {
        rules.OpensOn = OpensOn;
        rules.DailyLimit = Rules?.DailyLimit;
        rules.TotalLimit = Rules?.TotalLimit;
        rules.MaxBytes = Rules?.MaxBytes;
        rules.AcceptedTypes = string.Join(',', Rules?.AcceptedTypes?.Select(RuleFields.Normalize).Distinct() ?? []);
        rules.HidesScores = Rules?.HidesScores ?? false;
    }

    private static JsonObject Merge(JsonObject target, JsonObject patch)
    {
        foreach (var (name, value) in patch)
        {
            if (value is null)
            {
                target.Remove(name);
                continue;
            }

            target[name] = value is JsonObject inner
                ? Merge(target[name] as JsonObject ?? [], inner)
                : value.DeepClone();
        }

        return (JsonObject)target.DeepClone();
    }
}

/// <summary>What a challenge demands of submissions.</summary>
internal sealed record RuleFields
{
    /// <summary>How many submissions a participant has each day, in UTC; null if there is no limit.</summary>
    public int? DailyLimit { get; init; }

    /// <summary>How many submissions a participant has in all; null if there is no limit.</summary>
    public int? TotalLimit { get; init; }

    /// <summary>The largest file, in bytes; null for the limit of the service.</summary>
    public long? MaxBytes { get; init; }

    /// <summary>The accepted extensions, such as .py; without any, every file is accepted.</summary>
    public IReadOnlyList<string>? AcceptedTypes { get; init; }

    /// <summary>Whether only the organiser sees the scores of others until the challenge closes.</summary>
    public bool HidesScores { get; init; }

    public static RuleFields Of(ChallengeRules rules) =>
        new()
        {
            DailyLimit = rules.DailyLimit,
            TotalLimit = rules.TotalLimit,
            MaxBytes = rules.MaxBytes,
            AcceptedTypes = rules.AcceptedTypes.Split(',', StringSplitOptions.RemoveEmptyEntries),
            HidesScores = rules.HidesScores,
        };

    public static string Normalize(string type) => $".{type.Trim().TrimStart('.').ToLowerInvariant()}";
}

internal sealed class ChallengeFieldsValidator : AbstractValidator<ChallengeFields>
{
    public ChallengeFieldsValidator()
    {
        RuleFor(fields => fields.Title)
            .NotEmpty()
            .WithMessage("A challenge needs a title.")
            .MaximumLength(ChallengeFields.MaxTitle)
            .Must(title => title is null || !title.Any(char.IsControl))
            .WithMessage("Use no control characters.");
        RuleFor(fields => fields.Description)
            .MaximumLength(ChallengeFields.MaxDescription)
            .Must(text => text is null || !text.Contains('\0'))
            .WithMessage("Must not contain the character U+0000.");
        RuleFor(fields => fields.ClosesOn)
            .Must((fields, closes) => !(closes <= fields.OpensOn))
            .WithMessage("Must be later than opens_on.");
        RuleFor(fields => fields.Rules!).SetValidator(new RuleFieldsValidator());
    }
}

internal sealed class RuleFieldsValidator : AbstractValidator<RuleFields>
{
    private const int MaxTypes = 200; // the column's length

    public RuleFieldsValidator()
    {
        RuleFor(rules => rules.DailyLimit).GreaterThanOrEqualTo(1);
        RuleFor(rules => rules.TotalLimit).GreaterThanOrEqualTo(1);
        RuleFor(rules => rules.MaxBytes).GreaterThanOrEqualTo(1);
        RuleFor(rules => rules.AcceptedTypes)
            .Must(types => types is null || (types.All(IsType) && types.Sum(type => type.Length + 2) <= MaxTypes))
            .WithMessage($"Name extensions such as .py or .tar.gz, together at most {MaxTypes} characters.");
    }

    private static bool IsType(string? type) =>
        type?.Trim().TrimStart('.') is { Length: > 0 } name
        && name.All(c => char.IsLetterOrDigit(c) || "._-+".Contains(c));
}
