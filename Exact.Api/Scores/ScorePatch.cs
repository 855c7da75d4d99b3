using System.Text.Json;
using System.Text.Json.Serialization;
using Exact.Api.Accounts;
using Exact.Api.Submissions;
using Exact.Domain;
using FluentValidation;
using FluentValidation.Results;

namespace Exact.Api.Scores;

/// <summary>A correction: what it does not name stays, and null clears a value. A failed score with a new value is completed.</summary>
/// <example>{"emd_score": 0.68, "emd_std": 0.05, "reason": "the last run was measured twice"}</example>
internal sealed record ScorePatch
{
    private static readonly JsonSerializerOptions Strict = new(Json.Options)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
    };

    private HashSet<string> named = [];

    /// <summary>The EMD score; null clears it, with its standard deviation.</summary>
    public double? EmdScore { get; init; }

    /// <summary>Its standard deviation; null clears it.</summary>
    public double? EmdStd { get; init; }

    /// <summary>The IMA score; null clears it, with its standard deviation.</summary>
    public double? ImaScore { get; init; }

    /// <summary>Its standard deviation; null clears it.</summary>
    public double? ImaStd { get; init; }

    /// <summary>The name of the method; null clears it.</summary>
    public string? MethodName { get; init; }

    /// <summary>Why it is corrected, for the journal.</summary>
    public string? Reason { get; init; }

    /// <summary>Reads a patch from JSON.</summary>
    /// <exception cref="BadHttpRequestException">It is not an object.</exception>
    /// <exception cref="ValidationException">It corrects nothing, or a field is unknown, or has a wrong value.</exception>
    public static ScorePatch Read(JsonElement json)
    {
        if (json.ValueKind is not JsonValueKind.Object)
        {
            throw new BadHttpRequestException("The body must be a JSON object with the fields to correct.");
        }

        try
        {
            var patch = json.Deserialize<ScorePatch>(Strict)!;
            patch.named = [.. json.EnumerateObject().Select(field => field.Name)];
            new ScorePatchValidator().ValidateAndThrow(patch);
            return patch.named.Any(name => name is not "reason")
                ? patch
                : throw Mistake("body", "It corrects nothing. Name a score, a standard deviation or method_name.");
        }
        catch (JsonException e)
        {
            var field = e.Path is ['$', '.', .. var path] ? path : "body";
            throw Mistake(field, "There is no such field, it is named twice, or its value has the wrong type.");
        }
    }

    /// <summary>Applies it to a score.</summary>
    /// <exception cref="ValidationException">A standard deviation would have no score, or the last score would be cleared.</exception>
    public void ApplyTo(Score score)
    {
        if (named.Contains("emd_score"))
        {
            score.EmdScore = EmdScore;
        }

        if (named.Contains("ima_score"))
        {
            score.ImaScore = ImaScore;
        }

        score.EmdStd = StdOf("emd", score.EmdScore, score.EmdStd, EmdStd);
        score.ImaStd = StdOf("ima", score.ImaScore, score.ImaStd, ImaStd);
        score.MethodName = named.Contains("method_name") ? MethodName : score.MethodName;
        if (EmdScore is not null || ImaScore is not null)
        {
            (score.Status, score.ErrorMessage) = (ScoreStatus.Completed, null);
        }
        else if (score is { EmdScore: null, ImaScore: null } && named.FirstOrDefault(IsScore) is { } cleared)
        {
            throw Mistake(cleared, "It is the last score, which cannot be cleared. Disqualify it instead.");
        }
    }

    private double? StdOf(string metric, double? score, double? before, double? after) =>
        score is null && after is not null ? throw Mistake($"{metric}_std", "Must come with its score.")
        : score is null && named.Contains($"{metric}_score") ? null
        : named.Contains($"{metric}_std") ? after
        : before;

    private static bool IsScore(string field) => field is "emd_score" or "ima_score";

    private static ValidationException Mistake(string field, string message) =>
        new([new ValidationFailure(field, message)]);
}

internal sealed class ScorePatchValidator : AbstractValidator<ScorePatch>
{
    public ScorePatchValidator()
    {
        RuleFor(patch => patch.EmdScore).Finite();
        RuleFor(patch => patch.ImaScore).Finite();
        RuleFor(patch => patch.EmdStd).Deviation(patch => patch.EmdStd);
        RuleFor(patch => patch.ImaStd).Deviation(patch => patch.ImaStd);
        RuleFor(patch => patch.MethodName).MaximumLength(100).OneLine();
        RuleFor(patch => patch.Reason).MaximumLength(ReasonRules.MaxLength).OneLine();
    }
}
