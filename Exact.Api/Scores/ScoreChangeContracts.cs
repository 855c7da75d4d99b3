using System.Text.Json.Serialization;
using Exact.Api.Accounts;
using Exact.Api.Submissions;
using Exact.Domain;
using FluentValidation;

namespace Exact.Api.Scores;

/// <summary>A score that an organiser enters by hand.</summary>
/// <param name="Username">The participant, who need not be registered.</param>
/// <param name="EmdScore">The EMD score; higher is better. Name at least one score.</param>
/// <param name="EmdStd">Its standard deviation.</param>
/// <param name="ImaScore">The IMA score; higher is better.</param>
/// <param name="ImaStd">Its standard deviation.</param>
/// <param name="MethodName">The name of the method.</param>
/// <param name="Reason">Why it is entered, for the journal.</param>
/// <example>{"username": "bob", "emd_score": 0.71, "emd_std": 0.04, "method_name": "grad-cam", "reason": "evaluated by hand"}</example>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record NewScoreRequest(
    string Username,
    double? EmdScore = null,
    double? EmdStd = null,
    double? ImaScore = null,
    double? ImaStd = null,
    string? MethodName = null,
    string? Reason = null
);

/// <summary>Why a score is disqualified or reinstated.</summary>
/// <param name="Reason">The reason, for the participant and the journal.</param>
/// <example>{"reason": "The method reads the labels of the test set."}</example>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record ReasonRequest(string Reason);

/// <summary>Why an evaluation is done again.</summary>
/// <param name="Reason">The reason, for the journal.</param>
/// <param name="Metrics">What to measure again; by default everything. The other metrics keep their values.</param>
/// <example>{"reason": "the dataset was corrected", "metrics": ["emd"]}</example>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record RerunRequest(string Reason, IReadOnlyList<Metric>? Metrics = null);

/// <summary>How many evaluations are done again.</summary>
/// <example>{"submissions": 12}</example>
internal sealed record RerunResponse(int Submissions);

internal sealed class NewScoreValidator : AbstractValidator<NewScoreRequest>
{
    public NewScoreValidator()
    {
        RuleFor(request => request.Username).Cascade(CascadeMode.Stop).NotEmpty().MaximumLength(150).OneLine();
        RuleFor(request => request.EmdScore)
            .Must((request, score) => score is not null || request.ImaScore is not null)
            .WithMessage("Name emd_score, ima_score or both.");
        RuleFor(request => request.EmdScore).Finite();
        RuleFor(request => request.ImaScore).Finite();
        RuleFor(request => request.EmdStd).Deviation(request => request.EmdScore);
        RuleFor(request => request.ImaStd).Deviation(request => request.ImaScore);
        RuleFor(request => request.MethodName).MaximumLength(100).OneLine();
        RuleFor(request => request.Reason).MaximumLength(ReasonRules.MaxLength).OneLine();
    }
}

internal sealed class ReasonValidator : AbstractValidator<ReasonRequest>
{
    public ReasonValidator() => RuleFor(request => request.Reason).IsReason();
}

internal sealed class RerunValidator : AbstractValidator<RerunRequest>
{
    public RerunValidator()
    {
        RuleFor(request => request.Reason).IsReason();
        RuleFor(request => request.Metrics)
            .Must(metrics => metrics is null or { Count: > 0 and <= 2 })
            .WithMessage("Name emd, ima or both, or leave the field out.");
    }
}

internal static class ReasonRules
{
    public const int MaxLength = 1000;

    public static void IsReason<T>(this IRuleBuilderInitial<T, string> rule) =>
        rule.Cascade(CascadeMode.Stop).NotEmpty().MaximumLength(MaxLength).OneLine();
}
